package dev.trireme.worker.channel;

import dev.trireme.protocol.CodecException;
import dev.trireme.protocol.Message;
import dev.trireme.protocol.MessageCodec;
import io.aeron.Aeron;
import io.aeron.ExclusivePublication;
import io.aeron.FragmentAssembler;
import io.aeron.Publication;
import io.aeron.Subscription;
import io.aeron.exceptions.AeronException;
import io.aeron.logbuffer.FragmentHandler;
import io.aeron.logbuffer.Header;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.agrona.DirectBuffer;
import org.agrona.concurrent.BackoffIdleStrategy;
import org.agrona.concurrent.IdleStrategy;
import org.agrona.concurrent.ManyToOneConcurrentArrayQueue;
import org.agrona.concurrent.UnsafeBuffer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One end of the channel between an agent and a rank. Messages arrive once, in the order in which
 * they were sent. A frame without the channel's secret, or that is no message, is dropped and
 * counted.
 *
 * <p>Threading: {@link #send} from any thread; all else from the one thread that owns the channel
 * and calls {@link #duty} over and over. Nothing blocks but the constructor, which waits for the
 * media driver. Errors: a peer that takes nothing for {@link #OFFER_DEADLINE_NANOS} breaks the
 * channel for good; {@link #failure} says so.
 */
public final class Channel implements AutoCloseable {
  /** How long the peer may leave a message unread while its end of the log is full. */
  public static final long OFFER_DEADLINE_NANOS = TimeUnit.SECONDS.toNanos(10);

  private static final Logger LOG = LoggerFactory.getLogger(Channel.class);

  /** Messages waiting to be offered. Reports come about once a second, commands more rarely. */
  private static final int QUEUE_CAPACITY = 512;

  private static final int FRAGMENTS_PER_DUTY = 64;

  // A driver that is not scheduled for that long is not dead yet; that its agent is, a rank learns
  // from its standard input.
  private static final long DRIVER_TIMEOUT_MILLIS = TimeUnit.SECONDS.toMillis(30);

  // Aeron's longest message is an eighth of a term. Commands carry whole job specs and may be as
  // long as the codec allows; reports are short. Log buffers are sparse: unused pages cost nothing.
  private static final String TO_RANK_URI = "aeron:ipc?term-length=8m|sparse=true";
  private static final String TO_AGENT_URI = "aeron:ipc?term-length=1m|sparse=true";

  /** Which end this is. */
  public enum Side {
    AGENT,
    RANK
  }

  private record Outgoing(UnsafeBuffer bytes, String name, long sinceNanos) {}

  private final ExclusivePublication publication;
  private final Subscription subscription;
  private final long secret;
  private final long offerDeadlineNanos;
  private final MessageCodec codec;
  private final Consumer<Message> handler;
  private final FragmentHandler fragments;
  private final ManyToOneConcurrentArrayQueue<Outgoing> outgoing =
      new ManyToOneConcurrentArrayQueue<>(QUEUE_CAPACITY);
  private final int maxMessageLength;
  private volatile String failure = "";
  private long dropped;

  /**
   * Opens this end; the peer need not be there yet.
   *
   * @param aeron connected to the agent's driver; stays the caller's
   * @param secret that every frame carries
   * @param handler called by {@link #duty} with each message; must not block
   */
  public Channel(
      Aeron aeron,
      Side side,
      ChannelAddress address,
      long secret,
      MessageCodec codec,
      Consumer<Message> handler) {
    this(aeron, side, address, secret, codec, handler, OFFER_DEADLINE_NANOS);
  }

  Channel(
      Aeron aeron,
      Side side,
      ChannelAddress address,
      long secret,
      MessageCodec codec,
      Consumer<Message> handler,
      long offerDeadlineNanos) {
    boolean agent = side == Side.AGENT;
    this.offerDeadlineNanos = offerDeadlineNanos;
    this.secret = secret;
    this.codec = codec;
    this.handler = handler;
    FragmentAssembler assembler = new FragmentAssembler(this::onMessage);
    // The secret is checked before anything is assembled, so that a stranger fills no buffer.
    this.fragments =
        (buffer, offset, length, header) -> {
          if (header.reservedValue() == secret) {
            assembler.onFragment(buffer, offset, length, header);
          } else {
            drop("a frame without the channel's secret");
          }
        };
    subscription =
        aeron.addSubscription(
            agent ? TO_AGENT_URI : TO_RANK_URI,
            agent ? address.toAgentStream() : address.toRankStream());
    publication =
        aeron.addExclusivePublication(
            agent ? TO_RANK_URI : TO_AGENT_URI,
            agent ? address.toRankStream() : address.toAgentStream());
    maxMessageLength = publication.maxMessageLength();
  }

  /**
   * Connects a client for channels with the agent's media driver. It has no thread of its own: the
   * owner of the channels calls {@code conductorAgentInvoker().invoke()} along with {@link #duty}.
   * What goes wrong in it is logged; its end shows as {@code isClosed()}.
   *
   * @param name for Aeron's own tools
   * @throws AeronException when no driver answers within 30 s
   */
  public static Aeron connect(String aeronDirectory, String name) {
    return Aeron.connect(
        new Aeron.Context()
            .aeronDirectoryName(aeronDirectory)
            .clientName(name)
            .useConductorAgentInvoker(true)
            .driverTimeoutMs(DRIVER_TIMEOUT_MILLIS)
            .errorHandler(e -> LOG.warn("the media driver's client {}: {}", name, e.toString())));
  }

  /**
   * An idle strategy for the owner of channels: it parks for longer and longer, up to 8 ms, while
   * nothing happens, which costs next to nothing.
   */
  public static IdleStrategy idle() {
    return new BackoffIdleStrategy(1, 1, 100_000, 8_000_000);
  }

  /**
   * Queues a message; never blocks.
   *
   * @return whether it was queued; false when the channel is broken or {@value #QUEUE_CAPACITY}
   *     messages are waiting already
   * @throws CodecException when the message is longer than the channel can carry; nothing is queued
   */
  public boolean send(Message message) {
    byte[] bytes = codec.encode(message);
    String name = message.getClass().getSimpleName();
    if (bytes.length > maxMessageLength) {
      throw new CodecException(
          "a %s of %d bytes is too long for the channel, which carries up to %d"
              .formatted(name, bytes.length, maxMessageLength));
    }
    return failure.isEmpty()
        && outgoing.offer(new Outgoing(new UnsafeBuffer(bytes), name, System.nanoTime()));
  }

  /**
   * Offers what is queued and hands on what has arrived.
   *
   * @return how much was done, 0 for nothing
   */
  public int duty() {
    return flush() + subscription.poll(fragments, FRAGMENTS_PER_DUTY);
  }

  /** Hands on everything that the peer had written when this was called. */
  public void drain() {
    while (subscription.poll(fragments, FRAGMENTS_PER_DUTY) > 0) {
      // Each round empties as much of the log; the peer is gone, so it ends.
    }
  }

  /**
   * Whether the peer is there: its client has told the media driver so within the driver's client
   * liveness timeout, 30 s with an agent's driver. A process that is stopped, or that gets no
   * processor, cannot.
   */
  public boolean isPeerThere() {
    return subscription.isConnected();
  }

  /** Whether everything sent so far lies in the log where the peer reads it. */
  public boolean isFlushed() {
    return outgoing.isEmpty();
  }

  /** Why the channel is broken; empty while it works. */
  public Optional<String> failure() {
    return failure.isEmpty() ? Optional.empty() : Optional.of(failure);
  }

  /** How many frames were dropped as no message of the peer's. */
  public long dropped() {
    return dropped;
  }

  private int flush() {
    int sent = 0;
    for (Outgoing next = outgoing.peek(); next != null; next = outgoing.peek()) {
      long result =
          publication.offer(
              next.bytes(), 0, next.bytes().capacity(), (buffer, offset, length) -> secret);
      if (result < 0) {
        checkDeadline(next, result);
        return sent;
      }
      outgoing.poll();
      sent++;
    }
    return sent;
  }

  private void checkDeadline(Outgoing stuck, long result) {
    boolean over = result == Publication.CLOSED || result == Publication.MAX_POSITION_EXCEEDED;
    long waited = System.nanoTime() - stuck.sinceNanos();
    if (failure.isEmpty() && (over || waited > offerDeadlineNanos)) {
      failure =
          "a %s was not taken within %.1f s (%s)"
              .formatted(stuck.name(), waited / 1e9, Publication.errorString(result));
    }
  }

  private void onMessage(DirectBuffer buffer, int offset, int length, Header header) {
    byte[] bytes = new byte[length];
    buffer.getBytes(offset, bytes);
    Message message;
    try {
      message = codec.decode(bytes);
    } catch (CodecException e) {
      drop(e.getMessage());
      return;
    }
    handler.accept(message);
  }

  private void drop(String why) {
    dropped++;
    // Powers of two only: a flood of bad frames must not become a flood of log lines.
    if (Long.bitCount(dropped) == 1) {
      LOG.warn(
          "dropped a frame on stream {} ({} so far): {}", subscription.streamId(), dropped, why);
    }
  }

  @Override
  public void close() {
    if (failure.isEmpty()) {
      failure = "the channel is closed";
    }
    publication.close();
    subscription.close();
  }
}
