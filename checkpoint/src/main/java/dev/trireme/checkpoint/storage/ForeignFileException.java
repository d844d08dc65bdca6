package dev.trireme.checkpoint.storage;

import java.io.IOException;

/**
 * What has the name of a checkpoint's file is none that a checkpoint can have written: a directory,
 * a pipe, a link that leads out. Unlike other errors of the storage it does not pass.
 */
public final class ForeignFileException extends IOException {
  private static final long serialVersionUID = 1L;

  public ForeignFileException(String message) {
    super(message);
  }
}
