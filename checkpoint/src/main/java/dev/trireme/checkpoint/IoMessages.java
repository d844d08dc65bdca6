package dev.trireme.checkpoint;

import java.io.FileNotFoundException;
import java.io.IOException;
import java.nio.channels.ClosedByInterruptException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileSystemException;
import java.nio.file.NoSuchFileException;
import java.nio.file.NotDirectoryException;
import java.util.Locale;

/** Says what an I/O error means and what mends it, where its type or text tells. */
final class IoMessages {
  private IoMessages() {}

  /**
   * The error as a person would say it.
   *
   * @param place what was read or written
   */
  static String explain(IOException e, String place) {
    String text = text(e);
    String lower = text.toLowerCase(Locale.ROOT);
    if (e instanceof AccessDeniedException || lower.contains("permission denied")) {
      return "no permission for " + named(e, place) + "; let this user in, or choose another place";
    }
    if (lower.contains("read-only file system")) {
      return named(e, place) + " is on a read-only file system; choose another place";
    }
    if (isNoSpace(e)) {
      return "no space left for " + place + " (" + text + ")";
    }
    if (e instanceof NoSuchFileException || e instanceof FileNotFoundException) {
      return named(e, place) + " is not there";
    }
    if (e instanceof NotDirectoryException) {
      return named(e, place) + " is not a directory";
    }
    if (e instanceof ClosedByInterruptException) {
      return "interrupted while working on " + place;
    }
    return text.contains(place) ? text : place + ": " + text;
  }

  /** Whether the storage is full. */
  static boolean isNoSpace(IOException e) {
    String lower = text(e).toLowerCase(Locale.ROOT);
    return lower.contains("no space left") || lower.contains("disk quota");
  }

  private static String named(IOException e, String place) {
    return e instanceof FileSystemException f && f.getFile() != null ? f.getFile() : place;
  }

  private static String text(IOException e) {
    if (e instanceof FileSystemException f && f.getReason() != null) {
      return f.getFile() + ": " + f.getReason();
    }
    return e.getMessage() == null ? e.getClass().getSimpleName() : e.getMessage();
  }
}
