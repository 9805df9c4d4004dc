# ee-outliers on processors; Dockerfile.cuda is for GPUs.
#
#   docker build --build-arg COMMIT=$(git rev-parse HEAD) -t ee-outliers .
#   docker run --rm --read-only --cap-drop ALL --tmpfs /var/cache/ee-outliers:uid=65532,mode=700 \
#       -v "$PWD/config:/etc/ee-outliers:ro" -v ee-outliers-state:/var/lib/ee-outliers ee-outliers \
#       daemon --config /etc/ee-outliers/outliers.conf --use-cases '/etc/ee-outliers/use_cases/**/*.conf'
#
# The run stage has no shell and no package manager: the program, the C library, the certificates of
# public authorities, time zones. The root file system is never written to: what is kept between
# runs goes to /var/lib/ee-outliers, spilled data to /var/cache/ee-outliers.

ARG DEBIAN=bookworm
FROM rust:1.95-slim-${DEBIAN} AS build
ARG COMMIT=""
# options of cargo, such as --features otel
ARG CARGO_OPTIONS=""
RUN apt-get update && apt-get install -y --no-install-recommends build-essential && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY . .
RUN EE_OUTLIERS_COMMIT=${COMMIT} cargo build --release --locked ${CARGO_OPTIONS} \
    && install -D -s target/release/ee-outliers /out/usr/bin/ee-outliers \
    && install -d -m 700 -o 65532 -g 65532 /out/var/lib/ee-outliers /out/var/cache/ee-outliers

FROM gcr.io/distroless/cc-debian12:nonroot
COPY --from=build /out /
COPY use_cases /usr/share/ee-outliers/use_cases
# the user `nonroot` of the image, by number: Kubernetes checks runAsNonRoot by it
USER 65532:65532
WORKDIR /var/lib/ee-outliers
ENV TMPDIR=/var/cache/ee-outliers
VOLUME ["/var/lib/ee-outliers", "/var/cache/ee-outliers"]
# asks the daemon in this container; other commands end before the first check
HEALTHCHECK --start-period=1m --interval=30s --timeout=10s --retries=3 CMD ["/usr/bin/ee-outliers", "health"]
ENTRYPOINT ["/usr/bin/ee-outliers"]
CMD ["--help"]
