"""Trains every architecture from nothing on small sets that anybody can compose, and says what it learnt."""
