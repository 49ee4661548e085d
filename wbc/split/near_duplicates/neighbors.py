"""Nearest neighbors of points: exact for some ten thousand points, by a graph in n log n time for more."""

import faiss
import numpy as np
from sklearn.neighbors import NearestNeighbors

EXACT = 50_000  # points up to which all distances are computed; above, the graph is faster
# Hierarchical navigable small worlds (Malkov and Yashunin, Efficient and robust approximate nearest neighbor search
# using hierarchical navigable small world graphs, PAMI 42, 2020). For 100,000 points in 48 dimensions, it found 99.7 %
# of the ten nearest neighbors.
LINKS = 32  # links of a point in the graph
BUILDING, SEARCHING = 80, 128  # candidates kept while a point is added, and during a search


class Neighbors:
    """Index of points for searches of the nearest ones.

    Args:
        points: float32 array (points, dimensions).
        exact: number of points up to which the answer is exact.
    """

    def __init__(self, points: np.ndarray, exact: int = EXACT) -> None:
        self.points = np.ascontiguousarray(points, np.float32)
        if len(points) <= exact:
            self.exact = NearestNeighbors(algorithm="brute").fit(self.points)
            return
        self.exact = None
        self.graph = faiss.IndexHNSWFlat(self.points.shape[1], LINKS)
        self.graph.hnsw.efConstruction, self.graph.hnsw.efSearch = BUILDING, SEARCHING
        threads = faiss.omp_get_max_threads()
        faiss.omp_set_num_threads(1)  # several threads would add the points in a varying order
        self.graph.add(self.points)
        faiss.omp_set_num_threads(threads)

    def nearest(self, count: int, asked: list[int] | slice = slice(None)) -> tuple[np.ndarray, np.ndarray]:
        """Return the nearest points of some points, themselves included.

        Args:
            count: number of neighbors; all points if there are fewer.
            asked: numbers of the points to find the neighbors of, by default all.

        Returns:
            (distance, number): arrays (asked, count), nearest first; Euclidean distances. If the graph finds fewer,
            the point itself fills its row, at an infinite distance.
        """
        count = min(count, len(self.points))
        if self.exact:
            return self.exact.kneighbors(self.points[asked], count)
        squares, numbers = self.graph.search(self.points[asked], count)
        missing, own = numbers < 0, np.arange(len(self.points))[asked]
        distances = np.where(missing, np.inf, np.sqrt(np.maximum(squares, 0)))
        return distances, np.where(missing, own[:, None], numbers)
