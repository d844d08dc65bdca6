package dev.trireme.launcher.rank;

import dev.trireme.allreduce.GroupConfig;
import dev.trireme.allreduce.NetworkConfig;
import dev.trireme.api.job.JobSpec;
import dev.trireme.protocol.AgentToRank;
import dev.trireme.protocol.AgentToRank.Join;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;

/**
 * The process groups of a formation, from what the agent dealt out: one of all ranks; and where the
 * last of these are servers, another of the workers alone, which has half of the stream ids and a
 * directory of its own.
 */
record Groups(Join join) {
  /** Workers and servers; without servers the same as {@link #workers}. */
  GroupConfig all() {
    int skipped = servers() > 0 ? join.transport().streamCount() / 2 : 0;
    return config(join.worldSize(), Path.of(join.transport().sharedDirectory()), skipped);
  }

  /** Those that train. */
  GroupConfig workers() {
    if (servers() == 0) {
      return all();
    }
    Path directory = Path.of(join.transport().sharedDirectory(), "workers");
    try {
      Files.createDirectories(directory);
    } catch (IOException e) {
      throw new UncheckedIOException("the formation's directory cannot be written", e);
    }
    return config(join.worldSize() - servers(), directory, 0);
  }

  private int servers() {
    return job().parallel().servers();
  }

  private JobSpec job() {
    return join.job();
  }

  private GroupConfig config(int worldSize, Path directory, int skipped) {
    AgentToRank.Transport transport = join.transport();
    int share = servers() > 0 ? transport.streamCount() / 2 : transport.streamCount();
    return new GroupConfig(
        join.rank(),
        worldSize,
        join.stamp().generation(),
        Path.of(transport.aeronDirectory()),
        directory,
        transport.streamBase() + skipped,
        share,
        transport.formation(),
        Duration.ofNanos((long) (job().parallel().timeoutSeconds() * 1e9)),
        worldSize == 1
            ? Optional.empty()
            : transport.network().map(n -> new NetworkConfig(n.host(), n.address())));
  }
}
