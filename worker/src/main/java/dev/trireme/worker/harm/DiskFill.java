package dev.trireme.worker.harm;

import dev.trireme.worker.harm.Guard.Deed;
import java.io.IOException;
import java.nio.file.FileStore;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;

/**
 * How to leave a job's checkpoints no room without hurting anybody else.
 *
 * <p>Where they have a file system to themselves, it is filled: one file takes all that is free.
 * The file is deleted while it is open, so that the kernel gives the space back with the end of the
 * process that holds it, whatever ends it. A file system that others need (the one of the root, of
 * temporary files, of a home or of the run directory, whose record must go on; one in memory; one
 * of the network) is left alone: there the ranks themselves are told to act as if it were full.
 */
final class DiskFill {
  /** A larger file system in memory is not filled: it would take the machine's memory. */
  private static final long MOST_IN_MEMORY = 64 << 20;

  private static final Set<String> IN_MEMORY = Set.of("tmpfs", "ramfs");

  private static final Set<String> OF_THE_NETWORK =
      Set.of("nfs", "nfs4", "cifs", "smb3", "9p", "ceph", "lustre", "glusterfs", "fuse.glusterfs");

  private static final String FILL =
      """
      exec 3<>"$2" && rm -f "$2" || return 1
        at=0
        size=$3
        while [ "$size" -ge 4096 ]; do
          if fallocate -o "$at" -l "$size" /proc/self/fd/3 2>/dev/null; then
            at=$((at + size))
          else
            size=$((size / 2))
          fi
        done
        [ "$at" -gt 0 ] || { echo "this file system does not reserve space"; return 1; }
        echo "$at"
      """;

  private DiskFill() {}

  /**
   * What is to be done.
   *
   * @param fill fills the file system; empty when the ranks are to be told instead
   * @param words what that is, for people
   */
  record Way(Optional<Deed> fill, String words) {}

  /**
   * Chooses.
   *
   * @param place where the job's checkpoints go: a directory, which need not exist yet, or {@code
   *     s3://...}
   * @param runDirectory of the job
   */
  static Way choose(String place, Path runDirectory) {
    if (place.startsWith("s3://")) {
      return ranks("they are in an object store");
    }
    Path directory = Path.of(place).toAbsolutePath();
    while (!Files.isDirectory(directory)) {
      directory = directory.getParent();
    }
    try {
      FileStore store = Files.getFileStore(directory);
      long free = store.getUnallocatedSpace();
      if (OF_THE_NETWORK.contains(store.type())) {
        return ranks("their file system is of the network (" + store.type() + ")");
      }
      if (IN_MEMORY.contains(store.type()) && store.getTotalSpace() > MOST_IN_MEMORY) {
        return ranks("their file system is the machine's memory");
      }
      for (Path spared : spared(runDirectory)) {
        if (Files.exists(spared) && device(spared).equals(device(directory))) {
          return ranks("their file system is that of " + spared + ", which others need");
        }
      }
      Path filler = directory.resolve(".trireme-chaos-" + UUID.randomUUID());
      Deed deed = new Deed(FILL, "exec 3>&-", List.of(filler.toString(), String.valueOf(free)));
      return new Way(Optional.of(deed), "the file system of " + directory + " has no byte left");
    } catch (IOException | UnsupportedOperationException | IllegalArgumentException e) {
      return ranks("their file system cannot be looked at: " + e.getMessage());
    }
  }

  private static List<Path> spared(Path runDirectory) {
    return List.of(
        Path.of("/"),
        Path.of("/tmp"),
        Path.of("/var"),
        Path.of("/var/lib"),
        Path.of("/var/log"),
        Path.of("/home"),
        Path.of("/dev/shm"),
        Path.of(System.getProperty("java.io.tmpdir")),
        Path.of(System.getProperty("user.home")),
        Path.of(System.getProperty("user.dir")),
        runDirectory);
  }

  private static Object device(Path path) throws IOException {
    return Files.getAttribute(path, "unix:dev");
  }

  private static Way ranks(String why) {
    return new Way(
        Optional.empty(), "its ranks act as if there were no room for checkpoints, since " + why);
  }
}
