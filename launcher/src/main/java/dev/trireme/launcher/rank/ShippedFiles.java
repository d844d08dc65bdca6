package dev.trireme.launcher.rank;

import dev.trireme.api.engine.EngineException;
import dev.trireme.api.job.JobSpec;
import dev.trireme.api.job.ProgramSpec;
import dev.trireme.launcher.config.JobReader;
import dev.trireme.launcher.control.KeptFile;
import dev.trireme.launcher.control.Sha256;
import dev.trireme.launcher.control.UserDirectory;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.FileTime;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;

/**
 * This host's copies of files that were shipped with jobs. A file lies there under its SHA-256, so
 * the copy is made once for all ranks and jobs, is what was submitted, and does not change under a
 * process that has it open.
 *
 * <p>Threading: any, also several processes at once: whoever is first makes the copy, in one step.
 */
final class ShippedFiles {
  /** What the copies may take; those used longest ago go first. */
  private static final long MOST_BYTES = 16L << 30;

  private final Path cache;

  ShippedFiles(Path cache) {
    this.cache = cache;
  }

  /** In the user's cache, as the XDG base directory specification has it. */
  static ShippedFiles ofUser() {
    return new ShippedFiles(UserDirectory.CACHE.of(System.getenv()).resolve("files"));
  }

  /**
   * The job with this host's copies in the place of shipped files; itself when it has none.
   *
   * @throws EngineException when one is missing, or is not what was shipped
   */
  JobSpec local(JobSpec job) {
    List<String> overrides = new ArrayList<>();
    replace("model.torchscript", job.model().torchscript(), overrides);
    replace("model.jar", job.model().jar(), overrides);
    replace("model.weights", job.model().weights(), overrides);
    replace("program.jar", job.program().flatMap(ProgramSpec::jar), overrides);
    return overrides.isEmpty()
        ? job
        : JobReader.read("job", JobReader.toYaml(job), overrides).spec();
  }

  private void replace(String key, Optional<String> path, List<String> overrides) {
    if (path.isEmpty() || !path.get().matches(".*/\\.files/[0-9a-f]{64}/[^/]+")) {
      return;
    }
    Path shipped = Path.of(path.get());
    try {
      overrides.add(key + "='" + copy(shipped).toString().replace("'", "''") + "'");
    } catch (IOException e) {
      throw new EngineException(
          key + ": cannot read '" + shipped + "', which was shipped with the job: " + e, e);
    }
  }

  private Path copy(Path shipped) throws IOException {
    String hash = shipped.getParent().getFileName().toString();
    Path copy = cache.resolve(hash).resolve(shipped.getFileName().toString());
    if (Files.isRegularFile(copy)) {
      Files.setLastModifiedTime(copy, FileTime.from(Instant.now()));
      return copy;
    }
    Files.createDirectories(copy.getParent());
    makeRoom(Files.size(shipped));
    Path part = Files.createTempFile(copy.getParent(), "copy", ".part");
    try {
      Files.copy(shipped, part, StandardCopyOption.REPLACE_EXISTING);
      String found = Sha256.of(part);
      if (!found.equals(hash)) {
        throw new IOException("expected the SHA-256 " + hash + ", found " + found);
      }
      Files.move(part, copy, StandardCopyOption.ATOMIC_MOVE);
    } finally {
      Files.deleteIfExists(part);
    }
    return copy;
  }

  private void makeRoom(long size) throws IOException {
    List<KeptFile> kept =
        KeptFile.in(cache).stream().sorted(Comparator.comparing(KeptFile::used)).toList();
    long taken = kept.stream().mapToLong(KeptFile::bytes).sum();
    for (KeptFile oldest : kept) {
      if (taken + size <= MOST_BYTES) {
        return;
      }
      Files.deleteIfExists(oldest.path()); // Who has it open keeps it.
      taken -= oldest.bytes();
    }
  }
}
