"""What the service counts, in the text format of Prometheus."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
SIZES = (1, 2, 4, 8, 16, 32)


class Metrics:
    """Counters of one server; updates are safe from several threads."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._requests = Counter(
            "scratch_d2_requests", "Answers, by status of HTTP", ["status"], registry=self.registry
        )
        self._images = Counter(
            "scratch_d2_images", "Judged images, by verdict", ["verdict"], registry=self.registry
        )
        self._seconds = Histogram(
            "scratch_d2_request_seconds",
            "From the first byte of a request for a verdict to its answer",
            buckets=SECONDS,
            registry=self.registry,
        )
        self._batch = Histogram(
            "scratch_d2_batch_size", "Images judged together", buckets=SIZES, registry=self.registry
        )
        self._inside = Gauge(
            "scratch_d2_requests_inside", "Requests that wait or are judged", registry=self.registry
        )

    def watch(self, inside: Callable[[], int]) -> None:
        """Read the number of requests inside from a function."""
        self._inside.set_function(inside)

    def answered(self, status: int, seconds: float, verdict: str | None = None) -> None:
        """Count an answer to a request for a verdict."""
        self._requests.labels(str(status)).inc()
        self._seconds.observe(seconds)
        if verdict is not None:
            self._images.labels(verdict).inc()

    def batch(self, size: int) -> None:
        """Count a batch."""
        self._batch.observe(size)

    def to_text(self) -> bytes:
        """Return all metrics in the text format of Prometheus."""
        return generate_latest(self.registry)
