# The command `wbc` in a small container, with the pretrained classifier; no TensorFlow, no DVC:
#   docker build --file docker/runtime.Dockerfile --tag wbc .
#   docker run --rm --volume "$PWD/cells:/cells:ro" wbc predict /cells > predictions.csv
FROM python:3.11-slim-bookworm@sha256:a36c24f9cbdf4fd0f52d67f0823eeac19c2028c637cecc392d97f980d4fec56b
COPY requirements/predict.txt /tmp/predict.txt
RUN python -m pip install --no-cache-dir --require-hashes --requirement /tmp/predict.txt
COPY pyproject.toml README.md LICENSE /tmp/project/
COPY wbc /tmp/project/wbc
RUN python -m pip install --no-cache-dir --no-deps /tmp/project && rm -r /tmp/project
USER nobody
ENTRYPOINT ["wbc"]
