// Helios: https://github.com/BintzGavin/helios. What plain pages may offer is its own protocol; the rest is here.
dialect.readsAttributes = true;
