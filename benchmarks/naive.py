"""Naive script for comparison: the frozen backbone inside `fit`, with augmentation on the fly.

    python -m benchmarks.naive data/images pretraining/efficientnetb0.weights.h5 --size 128 --epochs 30

`make bench` compares the pipeline with it: same images, backbone, weights, head, optimizer and number of epochs. Its
layers follow keras.io's guide to fine-tuning EfficientNet:
https://keras.io/examples/vision/image_classification_efficientnet_fine_tuning/. It prints the accuracy on images held
out by file, and writes a confusion matrix to the current folder.
"""

import argparse

import matplotlib
import numpy as np
from sklearn.metrics import ConfusionMatrixDisplay, classification_report

from wbc.embed.tensorflow_setup import keras, tf

matplotlib.use("Agg")


def main() -> None:
    """Train and score the naive classifier."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("images", help="folder with a folder a class")
    parser.add_argument("weights", help="a .weights.h5 file of EfficientNetB0 without top")
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--epochs", type=int, default=30)
    options = parser.parse_args()

    keras.utils.set_random_seed(1)
    train, rest = keras.utils.image_dataset_from_directory(
        options.images,
        validation_split=0.3,
        subset="both",
        seed=1,
        image_size=(options.size, options.size),
        batch_size=64,
        label_mode="categorical",
    )
    classes = train.class_names
    valid, test = rest.take(len(rest) // 2), rest.skip(len(rest) // 2)

    backbone = keras.applications.EfficientNetB0(include_top=False, weights=None, pooling="avg")
    backbone.load_weights(options.weights)
    for layer in backbone.layers:
        if isinstance(layer, keras.layers.Normalization):
            layer.finalize_state()
    backbone.trainable = False

    image = keras.Input((options.size, options.size, 3))
    x = keras.layers.RandomFlip()(image)
    x = keras.layers.RandomRotation(0.5)(x)
    x = keras.layers.RandomContrast(0.1)(x)
    x = keras.layers.RandomZoom(0.1)(x)
    x = backbone(x, training=False)
    for units in (1024, 512, 256, 128, 64):
        x = keras.layers.Dense(units, activation="relu")(x)
        x = keras.layers.BatchNormalization(momentum=0.9)(x)
        x = keras.layers.Dropout(0.0)(x)
    model = keras.Model(image, keras.layers.Dense(len(classes), activation="softmax")(x))
    model.compile(optimizer=keras.optimizers.Adam(1e-3), loss="categorical_crossentropy", metrics=["accuracy"])
    model.fit(
        train.prefetch(tf.data.AUTOTUNE),
        validation_data=valid,
        epochs=options.epochs,
        callbacks=[keras.callbacks.ReduceLROnPlateau(factor=0.5, patience=2)],
        verbose=2,
    )

    answered = [(labels.numpy().argmax(axis=1), model.predict_on_batch(batch).argmax(axis=1)) for batch, labels in test]
    labels, predicted = (np.concatenate(column) for column in zip(*answered, strict=True))
    print(classification_report(labels, predicted, target_names=classes))
    ConfusionMatrixDisplay.from_predictions(labels, predicted, display_labels=classes).figure_.savefig("confusion.png")


if __name__ == "__main__":
    main()
