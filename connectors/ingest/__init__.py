"""The pipeline: queue, decode, batch, mirror, one transaction, acknowledge."""
