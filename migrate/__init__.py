"""torch2mindspore: migrates PyTorch losses to MindSpore and proves each rewrite first."""

__version__ = "0.1.0"
