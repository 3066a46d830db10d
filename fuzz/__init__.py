"""Random compositions, rendered in several ways whose pictures and samples have to be equal."""
