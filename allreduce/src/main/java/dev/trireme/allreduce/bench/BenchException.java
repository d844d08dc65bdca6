package dev.trireme.allreduce.bench;

/** A measurement that failed; the message names the rank at fault, where there is one. */
public final class BenchException extends Exception {
  private static final long serialVersionUID = 1L;

  private final int rank;

  BenchException(int rank, String message) {
    super(message);
    this.rank = rank;
  }

  /** One for which no rank is at fault. */
  public BenchException(String message) {
    this(-1, message);
  }

  BenchException(String message, Throwable cause) {
    super(message, cause);
    this.rank = -1;
  }

  /** The rank at fault, or -1. */
  public int rank() {
    return rank;
  }
}
