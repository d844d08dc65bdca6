package dev.trireme.api.collective;

/** How the values of several ranks become one. */
public enum ReduceOp {
  SUM,
  /** The sum divided by the world size. */
  MEAN,
  MIN,
  MAX
}
