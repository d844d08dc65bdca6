package dev.trireme.allreduce.transport;

import dev.trireme.allreduce.AbortSwitch;
import dev.trireme.allreduce.Endpoint;
import dev.trireme.allreduce.GroupConfig;
import dev.trireme.allreduce.plan.Hosts;
import dev.trireme.api.collective.CollectiveException;
import io.aeron.Aeron;
import io.aeron.Subscription;
import io.aeron.exceptions.AeronException;
import java.nio.channels.ClosedByInterruptException;
import java.util.List;
import java.util.Optional;
import java.util.function.Supplier;

/**
 * A rank on its way to an {@link AeronTransport}: it is connected to its host's media driver, where
 * the formation spans hosts it listens for ranks of the others, and then it meets them all.
 *
 * <p>Threading: one thread at a time.
 */
public final class TransportOpening implements AutoCloseable {
  private final GroupConfig config;
  private final AbortSwitch abort;
  private final Lifeline lifeline;
  private final Optional<Network> network;

  private TransportOpening(
      GroupConfig config, AbortSwitch abort, Lifeline lifeline, Optional<Network> network) {
    this.config = config;
    this.abort = abort;
    this.lifeline = lifeline;
    this.network = network;
  }

  /**
   * Connects to the media driver and meets the other ranks, all of this host.
   *
   * <p>Blocking: until all ranks are there or the config's timeout has passed, up to 5 seconds for
   * the media driver before that; an abort ends it at once.
   *
   * @param abort tells nobody any more when this returns
   * @throws CollectiveException when the driver or some rank does not answer in time, or the thread
   *     is interrupted, or the switch is used
   */
  public static AeronTransport connect(GroupConfig config, AbortSwitch abort) {
    Lifeline lifeline = lifeline(config, abort);
    return new TransportOpening(config, abort, lifeline, Optional.empty())
        .meet(Hosts.one(config.worldSize()), List.of());
  }

  /**
   * Connects to the media driver and listens on a port that the system chooses.
   *
   * <p>Blocking: up to 10 seconds, for the driver and the port; an abort ends the first at once.
   *
   * @param config with a network
   * @param losses none, save in tests
   * @param abort ends the meeting, too
   * @throws CollectiveException when the driver does not answer in time
   */
  public static TransportOpening open(GroupConfig config, Losses losses, AbortSwitch abort) {
    Lifeline lifeline = lifeline(config, abort);
    try {
      Network network = new Network(config, losses, lifeline::lostNetwork);
      return new TransportOpening(config, abort, lifeline, Optional.of(network));
    } catch (RuntimeException e) {
      lifeline.close();
      throw e instanceof AeronException known ? Meeting.noDriver(config, known) : e;
    }
  }

  private static Lifeline lifeline(GroupConfig config, AbortSwitch abort) {
    return abortable(config, abort, () -> Lifeline.connect(config, abort));
  }

  /** Where this rank listens; only after {@link #open}. */
  public Endpoint endpoint() {
    return network.orElseThrow().endpoint();
  }

  /**
   * Meets the other ranks. The port is the transport's from then on, and closed if this fails.
   *
   * <p>Blocking: until all ranks are there or the config's timeout has passed; an abort ends it at
   * once.
   *
   * @param all endpoints, in order of rank
   * @throws CollectiveException as {@link #connect}
   */
  public AeronTransport meet(List<Endpoint> all) {
    if (all.size() != config.worldSize() || !all.get(config.rank()).equals(endpoint())) {
      close();
      throw new IllegalArgumentException(
          "expected the endpoints of "
              + config.worldSize()
              + " ranks, that of rank "
              + config.rank()
              + " as it was given out; found "
              + all);
    }
    return meet(Hosts.named(all.stream().map(Endpoint::host).toList()), all);
  }

  private AeronTransport meet(Hosts hosts, List<Endpoint> all) {
    AeronTransport transport = connected(hosts, all);
    try {
      Meeting meeting = new Meeting(config, transport, abort);
      try {
        meeting.hold(transport.processes());
        return transport;
      } catch (CollectiveException e) {
        meeting.sayFailed(e);
        throw e;
      }
    } catch (Exception e) {
      transport.close();
      throw verdict(config, abort, e);
    }
  }

  /** With a stream each way to every other rank. */
  private AeronTransport connected(Hosts hosts, List<Endpoint> all) {
    try {
      Signals signals = new Signals(config.formation(), config.worldSize(), lifeline::foundClosed);
      int local = hosts.ranks(hosts.of().get(config.rank())).size();
      LogRoom.require(config.aeronDirectory(), Channels.logsWithin(local - 1));
      abortable(config, abort, () -> connectWithinHost(hosts, signals));
      network.ifPresent(between -> between.connect(all, hosts, signals));
      return new AeronTransport(config, lifeline, signals, network, hosts);
    } catch (Exception e) {
      // Also those that Aeron throws and does not declare.
      close();
      throw verdict(config, abort, e);
    }
  }

  private Signals connectWithinHost(Hosts hosts, Signals signals) {
    Streams streams = new Streams(config.streamBase(), config.worldSize());
    Aeron aeron = lifeline.aeron();
    int rank = config.rank();
    for (int peer = 0; peer < config.worldSize(); peer++) {
      if (peer != rank && hosts.together(peer, rank)) {
        Subscription arriving = aeron.addSubscription(Channels.IPC, streams.between(peer, rank));
        signals.add(
            peer,
            aeron.addExclusivePublication(Channels.IPC, streams.between(rank, peer)),
            arriving);
      }
    }
    return signals;
  }

  /**
   * Waits for the host's driver. Aeron does so in many places and heeds interrupts in all of them,
   * so an abort interrupts this thread, but not for longer: an interrupt would close the channels
   * over which peers are told.
   */
  private static <T> T abortable(GroupConfig config, AbortSwitch abort, Supplier<T> waiting) {
    Thread joining = Thread.currentThread();
    abort.tell(why -> joining.interrupt());
    try {
      return waiting.get();
    } catch (Exception e) {
      throw verdict(config, abort, e);
    } finally {
      abort.tell(why -> {});
      if (abort.reason().isPresent()) {
        Thread.interrupted();
      }
    }
  }

  /** An interrupt may find a file being mapped; Aeron passes on what that throws, undeclared. */
  private static RuntimeException verdict(GroupConfig config, AbortSwitch abort, Exception e) {
    if (e instanceof CollectiveException known) {
      return known;
    }
    if (abort.reason().isPresent()) {
      return Meeting.aborted(config, abort);
    }
    if (e instanceof ClosedByInterruptException) {
      return Meeting.interrupted(config);
    }
    if (e instanceof AeronException known) {
      return Meeting.noDriver(config, known);
    }
    return e instanceof RuntimeException unchecked ? unchecked : new IllegalStateException(e);
  }

  /** Closes the port and the connection; to be called only where nobody has been met. */
  @Override
  public void close() {
    try {
      lifeline.close();
    } finally {
      network.ifPresent(Network::close);
    }
  }
}
