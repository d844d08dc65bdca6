package dev.trireme.launcher.control;

import java.io.IOException;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.FileTime;
import java.util.ArrayList;
import java.util.List;

/**
 * A file in a directory that several processes fill and clear at once.
 *
 * @param used when it was modified
 */
public record KeptFile(Path path, long bytes, FileTime used) {
  /**
   * The regular files of a tree. What another process moves or deletes meanwhile is left out: it is
   * there under another name, or takes no room.
   *
   * @throws IOException when the tree cannot be read
   */
  public static List<KeptFile> in(Path directory) throws IOException {
    List<KeptFile> found = new ArrayList<>();
    Files.walkFileTree(
        directory,
        new SimpleFileVisitor<>() {
          @Override
          public FileVisitResult visitFile(Path file, BasicFileAttributes attributes) {
            if (attributes.isRegularFile()) {
              found.add(new KeptFile(file, attributes.size(), attributes.lastModifiedTime()));
            }
            return FileVisitResult.CONTINUE;
          }

          @Override
          public FileVisitResult visitFileFailed(Path file, IOException e) throws IOException {
            if (e instanceof NoSuchFileException) {
              return FileVisitResult.CONTINUE;
            }
            throw e;
          }
        });
    return List.copyOf(found);
  }
}
