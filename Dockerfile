# The pipeline in a container, from the same pinned and hashed packages:
#   docker build --tag white-blood-cells .
#   docker run --rm --volume "$PWD/reports:/work/reports" white-blood-cells       # the report lands in reports/
#   docker run --rm white-blood-cells make test
# Debian 12's Python is 3.11, the one that the packages are pinned for.
FROM debian:bookworm-slim
RUN apt-get update \
 && apt-get install --yes --no-install-recommends ca-certificates git make python3-venv \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /work
COPY Makefile requirements.txt ./
RUN make setup
COPY . .
CMD ["make", "repro"]
