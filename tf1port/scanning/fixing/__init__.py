"""Rewrites what is safe and mechanical: `tf1port scan --fix`. Only this package needs libcst."""
