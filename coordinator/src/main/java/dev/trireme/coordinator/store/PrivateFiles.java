package dev.trireme.coordinator.store;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.EnumSet;
import java.util.Set;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Files and directories that no other account of the machine can read: what is kept of a job holds
 * the secret that every frame between its ranks carries. Where the file system knows no POSIX
 * permissions they are as it makes them.
 */
final class PrivateFiles {
  private static final Logger LOG = LoggerFactory.getLogger(PrivateFiles.class);

  private static final Set<PosixFilePermission> OWNER =
      Set.of(
          PosixFilePermission.OWNER_READ,
          PosixFilePermission.OWNER_WRITE,
          PosixFilePermission.OWNER_EXECUTE);

  private PrivateFiles() {}

  /**
   * Makes a directory if absent, mode 0700; those above it are made as any other.
   *
   * @throws IOException when it cannot be made, or is something else
   */
  static void makeDirectory(Path directory) throws IOException {
    if (Files.isDirectory(directory)) {
      return;
    }
    Path absolute = directory.toAbsolutePath();
    if (absolute.getParent() != null) {
      Files.createDirectories(absolute.getParent());
    }
    try {
      Files.createDirectory(absolute, mode(absolute, "rwx------"));
    } catch (FileAlreadyExistsException e) {
      if (!Files.isDirectory(absolute)) {
        throw e;
      }
    }
  }

  /** Takes from others what they may do with a directory that was there before. */
  static void narrow(Path directory) throws IOException {
    if (!isPosix(directory)) {
      return;
    }
    Set<PosixFilePermission> before = Files.getPosixFilePermissions(directory);
    Set<PosixFilePermission> after = EnumSet.noneOf(PosixFilePermission.class);
    after.addAll(before);
    after.retainAll(OWNER);
    if (after.equals(before)) {
      return;
    }
    try {
      Files.setPosixFilePermissions(directory, after);
      LOG.info(
          "{} was {}; it is {} now, for what lies there is secret",
          directory,
          PosixFilePermissions.toString(before),
          PosixFilePermissions.toString(after));
    } catch (IOException e) {
      LOG.warn(
          "{} is {} and cannot be made private ({}): others can see what jobs there are; make it"
              + " this user's, with mode 0700",
          directory,
          PosixFilePermissions.toString(before),
          e.toString());
    }
  }

  /**
   * Opens a new file to be written, mode 0600 from its first byte on. What lies there under that
   * name is deleted.
   */
  static FileChannel create(Path file) throws IOException {
    Files.deleteIfExists(file);
    return FileChannel.open(
        file,
        Set.of(StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE, LinkOption.NOFOLLOW_LINKS),
        mode(file, "rw-------"));
  }

  private static FileAttribute<?>[] mode(Path path, String mode) {
    return isPosix(path)
        ? new FileAttribute<?>[] {
          PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString(mode))
        }
        : new FileAttribute<?>[0];
  }

  private static boolean isPosix(Path path) {
    return path.getFileSystem().supportedFileAttributeViews().contains("posix");
  }
}
