package dev.trireme.launcher.cli.job;

import dev.trireme.api.job.JobSpec;
import dev.trireme.api.job.ProgramSpec;
import dev.trireme.launcher.cli.Console;
import dev.trireme.launcher.config.JobReader;
import dev.trireme.launcher.config.ResolvedJob;
import dev.trireme.launcher.control.ApiClient;
import dev.trireme.launcher.control.ControlClient.RefusedException;
import dev.trireme.launcher.control.ControlClient.UnreachableException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * The files that a job needs beside its data: jars, models, weights. They go to the cluster by what
 * is in them, so that what runs is what was here when the job was submitted. A file that is not
 * here is taken to be on the hosts.
 */
final class Shipping {
  private Shipping() {}

  /** Ships what is here, and returns the job with the places where the cluster has it. */
  static ResolvedJob ship(ResolvedJob job, ApiClient client, Console console)
      throws UnreachableException, RefusedException {
    List<String> overrides = new ArrayList<>();
    for (Map.Entry<String, String> file : files(job.spec()).entrySet()) {
      Path path = Path.of(file.getValue());
      if (!Files.isRegularFile(path)) {
        console
            .err()
            .println(
                "trireme: %s: '%s' is not here; the hosts of its ranks must have it"
                    .formatted(file.getKey(), path));
        continue;
      }
      try {
        String there = client.ship(path);
        overrides.add(file.getKey() + "='" + there.replace("'", "''") + "'");
      } catch (IOException e) {
        throw new RefusedException(file.getKey() + ": cannot read '" + path + "': " + e);
      }
    }
    return overrides.isEmpty() ? job : JobReader.read("job", job.yaml(), overrides);
  }

  private static Map<String, String> files(JobSpec job) {
    Map<String, Optional<String>> all = new LinkedHashMap<>();
    all.put("model.torchscript", job.model().torchscript());
    all.put("model.jar", job.model().jar());
    all.put("model.weights", job.model().weights());
    all.put("program.jar", job.program().flatMap(ProgramSpec::jar));
    Map<String, String> files = new LinkedHashMap<>();
    all.forEach((key, path) -> path.ifPresent(p -> files.put(key, p)));
    return files;
  }
}
