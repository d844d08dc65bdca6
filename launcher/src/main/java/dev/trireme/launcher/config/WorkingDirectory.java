package dev.trireme.launcher.config;

import dev.trireme.api.job.CheckpointSpec;
import dev.trireme.api.job.JobSpec;
import dev.trireme.api.job.ProgramSpec;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** Makes a job that is read here fit to be run elsewhere: relative paths become absolute ones. */
public final class WorkingDirectory {
  private WorkingDirectory() {}

  /**
   * Reads a job as {@link JobReader#read(Path, List)} does.
   *
   * @param base what relative paths are relative to, absolute
   * @throws ConfigException with everything that is wrong
   */
  public static ResolvedJob read(Path file, List<String> overrides, Path base) {
    JobSpec job = JobReader.read(file, overrides).spec();
    List<String> all = new ArrayList<>(overrides);
    Optional<String> dataPath = Optional.of(job.data().path());
    Optional<String> checkpoints = job.checkpoint().path().filter(p -> !CheckpointSpec.isS3(p));
    Optional<String> from = job.checkpoint().resumeFrom().filter(p -> !CheckpointSpec.isS3(p));
    absolute("data.path", dataPath, base).ifPresent(all::add);
    absolute("checkpoint.path", checkpoints, base).ifPresent(all::add);
    absolute("checkpoint.resumeFrom", from, base).ifPresent(all::add);
    absolute("model.torchscript", job.model().torchscript(), base).ifPresent(all::add);
    absolute("model.jar", job.model().jar(), base).ifPresent(all::add);
    absolute("model.weights", job.model().weights(), base).ifPresent(all::add);
    absolute("program.jar", job.program().flatMap(ProgramSpec::jar), base).ifPresent(all::add);
    return JobReader.read(file, all);
  }

  /** An override, where there is a path and it is relative; single quotes are YAML's plainest. */
  private static Optional<String> absolute(String key, Optional<String> path, Path base) {
    return path.filter(p -> !Path.of(p).isAbsolute())
        .map(p -> base.resolve(p).normalize().toString())
        .map(p -> key + "='" + p.replace("'", "''") + "'");
  }
}
