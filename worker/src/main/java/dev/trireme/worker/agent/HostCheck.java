package dev.trireme.worker.agent;

import dev.trireme.api.job.CheckpointSpec;
import dev.trireme.api.job.DatasetSpec;
import dev.trireme.api.job.JobSpec;
import dev.trireme.api.job.ProgramSpec;
import dev.trireme.protocol.CoordinatorToAgent.StartRanks;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/** Looks whether a host has the files that a job needs there, before any rank of it is started. */
@FunctionalInterface
public interface HostCheck {
  /** Finds that nothing is lacking; for hosts of which that is known. */
  HostCheck NONE = order -> List.of();

  /**
   * Looks for what the job reads, and for the run directory that its coordinator has made: data and
   * models are read where the ranks are, logs and checkpoints are written there.
   */
  HostCheck FILES = HostCheck::files;

  /**
   * What this host lacks, a key of the job with the path for each; empty when it has all. Asks the
   * file system about some ten paths and reads none of them, save the job in the run directory.
   */
  List<String> lacking(StartRanks order);

  private static List<String> files(StartRanks order) {
    JobSpec job = order.job();
    List<String> lacking = new ArrayList<>();
    Path data = Path.of(job.data().path());
    Stream.concat(Stream.of(job.data().train()), job.data().eval().stream())
        .map(DatasetSpec::files)
        .flatMap(List::stream)
        .forEach(file -> need("data.path", data.resolve(file), lacking));
    need("model.torchscript", job.model().torchscript(), lacking);
    need("model.jar", job.model().jar(), lacking);
    need("model.weights", job.model().weights(), lacking);
    need("program.jar", job.program().flatMap(ProgramSpec::jar), lacking);
    need(
        "checkpoint.resumeFrom",
        job.checkpoint().resumeFrom().filter(p -> !CheckpointSpec.isS3(p)),
        lacking);
    runDirectory(order, lacking);
    return lacking;
  }

  private static void need(String key, Optional<String> path, List<String> lacking) {
    path.ifPresent(p -> need(key, Path.of(p), lacking));
  }

  private static void need(String key, Path path, List<String> lacking) {
    if (!Files.isReadable(path)) {
      lacking.add(key + " " + path + (Files.exists(path) ? " (no right to read it)" : ""));
    }
  }

  /** The coordinator has left the job in it: what is not there, or another, is not the same. */
  private static void runDirectory(StartRanks order, List<String> lacking) {
    Path directory = Path.of(order.runDirectory());
    String hint = " (the coordinator's 'runs' must be on a file system that all hosts share)";
    try {
      if (!Files.readString(directory.resolve("job.yaml")).equals(order.resolvedSpec())) {
        lacking.add("run directory " + directory + hint);
      } else if (!Files.isWritable(directory)) {
        lacking.add("the right to write run directory " + directory);
      }
    } catch (IOException e) {
      lacking.add("run directory " + directory + hint);
    }
  }
}
