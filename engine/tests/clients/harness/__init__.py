"""Starts a broker, drives real Kafka clients against it, and judges what they saw."""
