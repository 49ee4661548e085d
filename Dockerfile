# The pipeline in a container, from the same pinned and hashed packages:
#   docker build --tag white-blood-cells .
#   docker run --rm --volume "$PWD/reports:/work/reports" white-blood-cells       # writes the report into reports/
#   docker run --rm white-blood-cells make test
FROM python:3.11-slim-bookworm@sha256:a36c24f9cbdf4fd0f52d67f0823eeac19c2028c637cecc392d97f980d4fec56b AS base
RUN apt-get update \
 && apt-get install --yes --no-install-recommends ca-certificates git make \
 && rm -rf /var/lib/apt/lists/*

FROM base
WORKDIR /work
COPY Makefile requirements.txt ./
RUN make setup
COPY . .
CMD ["make", "repro"]
