package dev.trireme.protocol.akka;

import akka.actor.ExtendedActorSystem;
import akka.actor.typed.ActorRef;
import akka.actor.typed.ActorRefResolver;
import akka.actor.typed.javadsl.Adapter;
import akka.serialization.SerializerWithStringManifest;
import dev.trireme.protocol.AgentToCoordinator;
import dev.trireme.protocol.CodecException;
import dev.trireme.protocol.CoordinatorToAgent;
import dev.trireme.protocol.Message;
import dev.trireme.protocol.MessageCodec;
import java.io.NotSerializableException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;

/**
 * Akka's way to {@link MessageCodec}. The manifest is the registry's version and the class, so that
 * a node of another version is told apart in the log. A {@link ToCoordinator} is the agent's
 * address (length in 2 bytes, then UTF-8) followed by the message.
 *
 * <p>Made by Akka, as control-plane.conf says.
 */
public final class MessageSerializer extends SerializerWithStringManifest {
  private static final int IDENTIFIER = 72_616;
  private static final int MAX_ADDRESS = 4096;
  private static final String VERSION = MessageCodec.REGISTRY_VERSION + ":";
  private static final String ENVELOPE = VERSION + ToCoordinator.class.getSimpleName();

  private final MessageCodec codec = new MessageCodec();
  private final ExtendedActorSystem system;

  /** Akka looks for a constructor with this one parameter. */
  public MessageSerializer(ExtendedActorSystem system) {
    this.system = system;
  }

  @Override
  public int identifier() {
    return IDENTIFIER;
  }

  @Override
  public String manifest(Object object) {
    return VERSION + object.getClass().getSimpleName();
  }

  @Override
  public byte[] toBinary(Object object) {
    if (object instanceof ToCoordinator envelope) {
      byte[] address =
          resolver().toSerializationFormat(envelope.agent()).getBytes(StandardCharsets.UTF_8);
      byte[] message = codec.encode(envelope.message());
      return ByteBuffer.allocate(Short.BYTES + address.length + message.length)
          .putShort((short) address.length)
          .put(address)
          .put(message)
          .array();
    }
    return codec.encode((Message) object);
  }

  @Override
  public Object fromBinary(byte[] bytes, String manifest) throws NotSerializableException {
    if (!manifest.startsWith(VERSION)) {
      throw new NotSerializableException(
          "expected a message of registry version "
              + MessageCodec.REGISTRY_VERSION
              + ", found '"
              + manifest
              + "'; run the same version of Trireme on all hosts");
    }
    try {
      return manifest.equals(ENVELOPE) ? envelope(bytes) : codec.decode(bytes);
    } catch (CodecException e) {
      throw new NotSerializableException(e.getMessage());
    }
  }

  private ToCoordinator envelope(byte[] bytes) {
    ByteBuffer buffer = ByteBuffer.wrap(bytes);
    int length = buffer.remaining() < Short.BYTES ? -1 : buffer.getShort();
    if (length < 0 || length > Math.min(MAX_ADDRESS, buffer.remaining())) {
      throw new CodecException("expected an agent's address, found a length of " + length);
    }
    String address = new String(bytes, buffer.position(), length, StandardCharsets.UTF_8);
    Message message = codec.decode(buffer.position(buffer.position() + length));
    if (!(message instanceof AgentToCoordinator fromAgent)) {
      throw new CodecException(
          "expected a message from an agent, found a " + message.getClass().getSimpleName());
    }
    ActorRef<CoordinatorToAgent> agent = resolver().resolveActorRef(address);
    if (Adapter.toClassic(agent).equals(system.deadLetters())) {
      throw new CodecException("expected an agent's address, found '" + address + "'");
    }
    return new ToCoordinator(fromAgent, agent);
  }

  private ActorRefResolver resolver() {
    return ActorRefResolver.get(Adapter.toTyped(system));
  }
}
