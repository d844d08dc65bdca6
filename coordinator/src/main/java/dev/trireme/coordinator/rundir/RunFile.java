package dev.trireme.coordinator.rundir;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributes;

/**
 * How a run's files are touched. Who owns a run may put anything in their place, and the
 * coordinator's only thread opens them: a pipe would stop it until somebody reads, a link would
 * have it write elsewhere.
 */
final class RunFile {
  private RunFile() {}

  /**
   * To be asked before a file is opened, with {@code NOFOLLOW_LINKS}.
   *
   * @return whether it is there
   * @throws IOException when something else is in its place
   */
  static boolean check(Path file) throws IOException {
    BasicFileAttributes found;
    try {
      found = Files.readAttributes(file, BasicFileAttributes.class, LinkOption.NOFOLLOW_LINKS);
    } catch (NoSuchFileException e) {
      return false;
    }
    if (!found.isRegularFile()) {
      throw new FileSystemException(
          file.toString(), null, "expected a regular file or none, found " + kind(found));
    }
    return true;
  }

  private static String kind(BasicFileAttributes found) {
    if (found.isSymbolicLink()) {
      return "a symbolic link";
    }
    return found.isDirectory() ? "a directory" : "a pipe, a socket or a device";
  }

  /** Puts a file in place as a whole: who sees it sees all of it, also after a power cut. */
  static void replace(Path file, String content) throws IOException {
    Path temporary = file.resolveSibling("." + file.getFileName() + ".tmp");
    // Made anew: whatever lies there under that name is not opened.
    Files.deleteIfExists(temporary);
    try (FileChannel channel =
        FileChannel.open(temporary, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE)) {
      ByteBuffer bytes = StandardCharsets.UTF_8.encode(content);
      while (bytes.hasRemaining()) {
        channel.write(bytes);
      }
      channel.force(true);
    }
    Files.move(
        temporary, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
  }
}
