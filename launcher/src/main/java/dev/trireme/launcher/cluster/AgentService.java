package dev.trireme.launcher.cluster;

import dev.trireme.launcher.cli.ServiceRunner.AgentOptions;
import dev.trireme.launcher.control.HealthServer;
import dev.trireme.launcher.control.HostName;
import dev.trireme.launcher.device.DeviceSurvey;
import dev.trireme.launcher.device.Installation;
import dev.trireme.launcher.embedded.RankProcesses;
import dev.trireme.protocol.TlsFiles;
import dev.trireme.worker.agent.AgentConfig;
import dev.trireme.worker.agent.AgentNode;
import dev.trireme.worker.agent.HostCheck;
import dev.trireme.worker.agent.akka.AkkaCoordinatorLink;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.time.Duration;
import java.util.HexFormat;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ThreadLocalRandom;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * An agent as a service. When the cluster has given it up, as it does with a host that was cut off,
 * its link joins again; its ranks go on for as long as their lease.
 */
final class AgentService {
  private static final Logger LOG = LoggerFactory.getLogger(AgentService.class);

  private static final Duration PAUSE = Duration.ofSeconds(5);

  private final AgentOptions options;
  private final ServiceStop stop;
  private final Optional<TlsFiles> tls;
  private final String bind;
  private final AgentConfig config;
  private volatile Optional<WatchedLink> link = Optional.empty();

  private AgentService(AgentOptions options, ServiceStop stop, Optional<TlsFiles> tls)
      throws IOException {
    this.options = options;
    this.stop = stop;
    this.tls = tls;
    this.bind =
        options.bind().isPresent()
            ? options.bind().get()
            : HostPort.of(options.coordinators().get(0).strip()).routeFromHere();
    this.config = config(options, bind);
  }

  @SuppressWarnings("try") // health is there only to be closed
  static void run(AgentOptions options, ServiceStop stop)
      throws IOException, InterruptedException, Credentials.UnusableException {
    Optional<TlsFiles> tls = Credentials.ofNode(options.credentials()).tls();
    AgentService service = new AgentService(options, stop, tls);
    if (options.health().isEmpty()) {
      service.serve();
      return;
    }
    HostPort address = HostPort.of(options.health().get());
    try (HealthServer health =
        HealthServer.start(address.toSocket(), Optional::empty, service::whyNotReady)) {
      LOG.info("health on {}", HostPort.of(health.address()));
      service.serve();
    }
  }

  private Optional<String> whyNotReady() {
    return link.map(WatchedLink::whyNotAccepted).orElse(Optional.of("is joining"));
  }

  /**
   * Begins anew where the agent can start no ranks any more, as after it was itself stopped. What
   * keeps it from that may pass, where it has once served.
   */
  private void serve() throws InterruptedException {
    serveOnce();
    while (!stop.isAsked()) {
      try {
        serveOnce();
      } catch (RuntimeException e) {
        LOG.error("the agent cannot begin anew; tries again", e);
        stop.awaitFor(PAUSE);
      }
    }
  }

  private void serveOnce() throws InterruptedException {
    WatchedLink joined =
        new WatchedLink(
            new AkkaCoordinatorLink(
                bind, options.coordinators().stream().map(String::strip).toList(), tls));
    LOG.info("agent {} with {} slots on {}", config.agentId(), config.slots(), bind);
    try (AgentNode node = AgentNode.start(config, joined)) {
      link = Optional.of(joined);
      CompletableFuture<Void> lost = node.lost().toCompletableFuture();
      lost.thenRun(stop::wake);
      stop.awaitOr(lost::isDone);
    }
  }

  private static AgentConfig config(AgentOptions options, String bind) {
    int cores = Runtime.getRuntime().availableProcessors();
    String host = HostName.ofThisHost();
    DeviceSurvey devices = Installation.devices();
    return new AgentConfig(
        options.name().orElseGet(() -> host + "-" + suffix()),
        host,
        options.slots().orElse(cores),
        cores,
        Optional.empty(),
        RankProcesses.command(
            System.getProperty("java.class.path"),
            ManagementFactory.getRuntimeMXBean().getInputArguments()),
        0,
        OptionalInt.empty(),
        devices.devices(),
        devices.none(),
        bind,
        new AgentConfig.Offer(
            options.cores().orElse(cores),
            options.memory().orElseGet(AgentService::hostMemory),
            options.ranksPerDevice()),
        HostCheck.FILES);
  }

  /** Of the host, or of the container that this process is in; 0 when the JVM does not say. */
  private static long hostMemory() {
    return ManagementFactory.getOperatingSystemMXBean()
            instanceof com.sun.management.OperatingSystemMXBean os
        ? Math.max(0, os.getTotalMemorySize())
        : 0;
  }

  private static String suffix() {
    return HexFormat.of().toHexDigits((short) ThreadLocalRandom.current().nextInt());
  }
}
