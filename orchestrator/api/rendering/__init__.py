"""Rendering a composition or a job spec: settings, their checks, plans, runs, estimates."""
