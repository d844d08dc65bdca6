package dev.trireme.worker.agent;

import dev.trireme.protocol.AgentToCoordinator;
import dev.trireme.protocol.AgentToCoordinator.ProbeDone;
import dev.trireme.protocol.AgentToCoordinator.ProbeOpened;
import dev.trireme.protocol.CoordinatorToAgent.OpenProbe;
import dev.trireme.protocol.CoordinatorToAgent.RunProbe;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Optional;
import java.util.function.Consumer;

/**
 * An agent's part in the probes of its coordinator, one at a time: a new one ends the one before.
 *
 * <p>Threading: one thread calls; what comes of a probe is told from another.
 */
final class Probes implements AutoCloseable {
  private final AgentConfig config;
  private final Path sharedMemory;
  private final Consumer<AgentToCoordinator> out;
  private Optional<HostProbe> open = Optional.empty();
  private long number;

  /**
   * @param sharedMemory where ranks share memory
   * @param out takes what the coordinator is to hear, on any thread
   */
  Probes(AgentConfig config, Path sharedMemory, Consumer<AgentToCoordinator> out) {
    this.config = config;
    this.sharedMemory = sharedMemory;
    this.out = out;
  }

  void open(OpenProbe command) {
    close();
    number = command.probe();
    String address = "";
    String failure = "";
    try {
      HostProbe probe = HostProbe.open(config.address(), command.secret());
      open = Optional.of(probe);
      address = probe.address();
    } catch (IOException e) {
      failure = "no port at " + config.address() + ": " + e.getMessage();
    }
    out.accept(
        new ProbeOpened(
            config.agentId(),
            number,
            address,
            HostProbe.host(sharedMemory, config.cores()),
            failure));
  }

  void run(RunProbe command) {
    if (command.probe() == number) {
      open.ifPresent(
          probe ->
              probe.run(
                  command.targets(),
                  ways -> out.accept(new ProbeDone(config.agentId(), command.probe(), ways))));
    }
  }

  @Override
  public void close() {
    open.ifPresent(HostProbe::close);
    open = Optional.empty();
  }
}
