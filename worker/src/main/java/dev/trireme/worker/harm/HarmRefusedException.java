package dev.trireme.worker.harm;

/** It cannot be done on this machine, or not now; the message says why, for people. */
public final class HarmRefusedException extends Exception {
  private static final long serialVersionUID = 1L;

  HarmRefusedException(String message) {
    super(message);
  }
}
