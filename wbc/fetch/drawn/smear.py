"""Photo of a stained blood smear: red cells and platelets around one white cell, seen through a microscope."""

import numpy as np
from PIL import Image
from scipy import ndimage

from wbc.fetch.drawn import cells, shapes

PIXELS = 240  # side of a photo: three times the usual delivered size, to resolve fine granules

# Optical density of one unit of each stain in red, green and blue light (Beer-Lambert: light = exp(-density)), measured
# on published pictures of Giemsa-stained smears; in the order of cells.AZURE, BLUE, EOSIN, HEMOGLOBIN.
_DENSITY = np.array([[0.95, 1.40, 0.42], [0.60, 0.50, 0.12], [0.18, 0.72, 0.62], [0.22, 0.46, 0.44]])


def photograph(label: str, rng: np.random.Generator) -> Image.Image:
    """Draw one white cell of class `label` on its own piece of slide and photograph it.

    The strength and hue of every stain, the lamp, the focus and the surroundings are random for each photo. Their
    distribution is the same for every class.

    Args:
        label: one of `cells.CLASSES`.
        rng: a `numpy.random.Generator`, which decides everything about the photo.

    Returns:
        a `PIL.Image` (RGB, PIXELS x PIXELS).
    """
    radius = rng.uniform(*cells.RADIUS[label])
    field = _view(radius, rng)
    cell = cells.draw_cell(label, radius, field, rng)
    behind = _red_cells(radius, field, cell.body, rng) + _platelets(radius, field, cell.body, rng)
    return _exposed(ndimage.gaussian_filter(cell.stains, (0.4, 0.4, 0)) + behind, field, rng)


def photograph_between(rng: np.random.Generator) -> Image.Image:
    """Photograph a piece of slide without a white cell: red cells and platelets.

    Args, result:
        as `photograph`.
    """
    field = _view(rng.uniform(*cells.RADIUS["lymphocyte"]), rng)
    empty = np.zeros(field.x.shape)
    return _exposed(_red_cells(0.0, field, empty, rng) + _platelets(0.0, field, empty, rng), field, rng)


def _exposed(stains: np.ndarray, field: shapes.Field, rng: np.random.Generator) -> Image.Image:
    """Return a photo of stains (height, width, N_STAINS), with random strength, hue, lamp and focus."""
    strength = np.exp(rng.normal(0, [0.3, 0.4, 0.35, 0.35]))
    hue = np.exp(rng.normal(0, 0.14, _DENSITY.shape))
    light = np.exp(-stains @ (_DENSITY * hue * strength[:, None])) * _lamp(field, rng)
    focus = field.scale * rng.choice([rng.uniform(0.05, 0.14), rng.uniform(0.15, 0.28)], p=[0.8, 0.2])
    light = ndimage.gaussian_filter(light, (focus, focus, 0), mode="nearest")
    light += rng.normal(0, rng.uniform(0.01, 0.03), light.shape)
    return Image.fromarray(np.rint(np.clip(light, 0, 1) * 255).astype(np.uint8))


def _view(radius: float, rng: np.random.Generator) -> shapes.Field:
    """Return the `Field` of a photo: 14-28 µm wide, wider for larger cells, the white cell near its middle."""
    # Crops of single cells grow with the cell, but less than in proportion.
    width = 8.2 * np.sqrt(radius) * rng.uniform(0.85, 1.15)
    scale = PIXELS / width
    x, y = np.meshgrid(*2 * [(np.arange(PIXELS) + 0.5) / scale - width / 2])
    return shapes.shifted(shapes.Field(x, y, scale), *rng.uniform(-0.6, 0.6, 2))


def _red_cells(radius: float, field: shapes.Field, body: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return the stains (height, width, N_STAINS) of red cells around the white cell and, faintly, behind it."""
    stains = np.zeros((*field.x.shape, cells.N_STAINS))
    thickness = np.zeros(field.x.shape)
    reach = np.abs(field.x).max() + 3
    # At most about one red cell per 30 µm².
    for _ in range(rng.poisson(rng.uniform(0, 1) ** 1.3 * (2 * reach) ** 2 / 30)):
        x, y = rng.uniform(-reach, reach, 2)
        size = rng.uniform(3.3, 4.1)
        # The white cell pushes overlapping red cells outwards.
        push = max(1, (radius + rng.uniform(1.5, 4)) / np.hypot(x, y))
        outline = shapes.blob(shapes.shifted(field, x * push, y * push), size, 0.05, rng)
        rho = np.clip((outline + size) / size, 0, 1) ** 2
        # Profile of a biconcave disc (Evans and Fung 1972), 1 at its thickest.
        profile = np.sqrt(1 - rho) * (0.207 + 2.003 * rho - 1.123 * rho**2) / 0.81
        thickness += np.minimum(profile + rng.uniform(0, 0.35) * (rho < 1), 1.2)
    pressed = 1.5 * (1 - np.exp(-thickness / 1.5))  # stacked cells flatten each other
    stains[..., cells.HEMOGLOBIN] = pressed * (1 - 0.85 * body) * rng.uniform(0.6, 1.2)
    return stains


def _platelets(radius: float, field: shapes.Field, body: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return the stains (height, width, N_STAINS) of 0-3 platelets: small granular purple scraps around the cell."""
    stains = np.zeros((*field.x.shape, cells.N_STAINS))
    for _ in range(rng.choice([0, 1, 2, 3], p=[0.6, 0.2, 0.12, 0.08])):
        angle, away = rng.uniform(0, 2 * np.pi), radius + rng.uniform(1.5, 4)
        place = shapes.shifted(field, away * np.cos(angle), away * np.sin(angle))
        scrap = shapes.fill(shapes.blob(place, rng.uniform(0.8, 1.5), 0.15, rng), 0.4) * (1 - body)
        stains[..., cells.AZURE] += 0.4 * scrap * np.clip(1 + 0.5 * shapes.noise(field, 0.5, rng), 0, None)
    return stains


def _lamp(field: shapes.Field, rng: np.random.Generator) -> np.ndarray:
    """Return the light (height, width, 3; 0-1) of the empty slide: tinted, sloping, and darker at the corners."""
    warm, green = rng.normal(0, 0.05), rng.normal(0, 0.015)
    tint = rng.uniform(0.84, 0.95) * (1 + np.array([warm / 2, green, -warm]))
    reach = PIXELS / field.scale / 2
    slope = rng.normal(0, 0.03, 2)
    x, y = field.x / reach, field.y / reach
    even = 1 + slope[0] * x + slope[1] * y - rng.uniform(0, 0.06) * (x**2 + y**2)
    return even[..., None] * tint
