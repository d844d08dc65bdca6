package dev.trireme.launcher.config;

import dev.trireme.api.job.WorkerCount;
import java.lang.reflect.InvocationTargetException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.snakeyaml.engine.v2.api.Dump;
import org.snakeyaml.engine.v2.api.DumpSettings;
import org.snakeyaml.engine.v2.api.StreamDataWriter;
import org.snakeyaml.engine.v2.common.FlowStyle;
import org.snakeyaml.engine.v2.common.ScalarStyle;
import org.snakeyaml.engine.v2.nodes.MappingNode;
import org.snakeyaml.engine.v2.nodes.Node;
import org.snakeyaml.engine.v2.nodes.NodeTuple;
import org.snakeyaml.engine.v2.nodes.ScalarNode;
import org.snakeyaml.engine.v2.nodes.SequenceNode;
import org.snakeyaml.engine.v2.nodes.Tag;
import org.snakeyaml.engine.v2.schema.CoreSchema;

/**
 * Writes records as YAML with every key that has a value, defaults too, under the names that the
 * reader knows: what is written reads back as equal records. Keys that are absent are left out.
 */
final class SpecWriter {
  private static final Place NOWHERE = Place.InFile.whole("resolved");
  private static final String WHOLE = "-?[0-9]+";

  private SpecWriter() {}

  static String write(Object spec, SpecType type) {
    DumpSettings settings =
        DumpSettings.builder().setSchema(new CoreSchema()).setSplitLines(false).build();
    StringBuilder text = new StringBuilder();
    new Dump(settings).dumpNode(node(spec, type), new Appender(text));
    return text.toString();
  }

  private record Appender(StringBuilder text) implements StreamDataWriter {
    @Override
    public void write(String piece) {
      text.append(piece);
    }

    @Override
    public void write(String piece, int offset, int length) {
      text.append(piece, offset, offset + length);
    }
  }

  private static Node node(Object value, SpecType type) {
    if (type instanceof SpecType.Keys keys) {
      return mapping(fields(value, keys), FlowStyle.BLOCK);
    }
    if (type instanceof SpecType.OneOf choice) {
      return variant(value, choice);
    }
    if (type instanceof SpecType.ListOf list) {
      SpecType element = list.element();
      List<Node> items = ((List<?>) value).stream().map(item -> node(item, element)).toList();
      boolean flat = items.stream().allMatch(ScalarNode.class::isInstance);
      boolean layers = element instanceof SpecType.OneOf;
      return new SequenceNode(Tag.SEQ, items, flat && !layers ? FlowStyle.FLOW : FlowStyle.BLOCK);
    }
    return scalar(value, type);
  }

  private static Node scalar(Object value, SpecType type) {
    if (type instanceof SpecType.Real) {
      String text = Expected.number((Double) value);
      return plain(text.matches(WHOLE) ? Tag.INT : Tag.FLOAT, text);
    }
    if (type instanceof SpecType.Whole whole) {
      long number = ((Number) value).longValue();
      if (whole.auto() && number == 0) {
        return plain(Tag.STR, SpecType.Whole.AUTO);
      }
      String text = whole.size() ? Expected.size(number) : String.valueOf(number);
      return plain(text.matches(WHOLE) ? Tag.INT : Tag.STR, text);
    }
    if (type instanceof SpecType.Flag) {
      return plain(Tag.BOOL, value.toString());
    }
    if (type instanceof SpecType.Workers) {
      WorkerCount count = (WorkerCount) value;
      return count.min() == count.max()
          ? plain(Tag.INT, count.toString())
          : new ScalarNode(Tag.STR, count.toString(), ScalarStyle.DOUBLE_QUOTED);
    }
    return text(type instanceof SpecType.Word ? SpecType.word(value) : value.toString());
  }

  /**
   * Text is quoted where our own reader would take it for something else; the emitter adds quotes
   * where YAML's syntax needs them.
   */
  private static Node text(String text) {
    boolean plain = new YamlNode.Scalar(text, true, NOWHERE).meaning() == YamlNode.Meaning.TEXT;
    return new ScalarNode(Tag.STR, text, plain ? ScalarStyle.PLAIN : ScalarStyle.SINGLE_QUOTED);
  }

  private static Node plain(Tag tag, String text) {
    return new ScalarNode(tag, text, ScalarStyle.PLAIN);
  }

  private static Node variant(Object value, SpecType.OneOf choice) {
    String name = SpecType.OneOf.nameOf(value.getClass());
    List<NodeTuple> fields = fields(value, new SpecType.Keys(value.getClass()));
    boolean flat = fields.stream().allMatch(f -> f.getValueNode() instanceof ScalarNode);
    if (choice.selector().isPresent()) {
      List<NodeTuple> all = new ArrayList<>();
      all.add(new NodeTuple(plain(Tag.STR, choice.selector().get()), plain(Tag.STR, name)));
      all.addAll(fields);
      return mapping(all, FlowStyle.BLOCK);
    }
    if (fields.isEmpty()) {
      return plain(Tag.STR, name);
    }
    Node keys = mapping(fields, flat ? FlowStyle.FLOW : FlowStyle.BLOCK);
    return mapping(List.of(new NodeTuple(plain(Tag.STR, name), keys)), FlowStyle.BLOCK);
  }

  private static MappingNode mapping(List<NodeTuple> entries, FlowStyle style) {
    return new MappingNode(Tag.MAP, entries, style);
  }

  private static List<NodeTuple> fields(Object value, SpecType.Keys keys) {
    List<NodeTuple> fields = new ArrayList<>();
    for (SpecType.Field field : keys.fields()) {
      present(field, value)
          .ifPresent(
              v -> fields.add(new NodeTuple(plain(Tag.STR, field.name()), node(v, field.type()))));
    }
    return fields;
  }

  /** A key's value; nothing where it is absent or an empty list, which mean the same. */
  private static Optional<Object> present(SpecType.Field field, Object owner) {
    try {
      Object value = field.component().getAccessor().invoke(owner);
      if (value instanceof Optional<?> optional) {
        return optional.map(v -> v);
      }
      return value instanceof List<?> list && list.isEmpty()
          ? Optional.empty()
          : Optional.of(value);
    } catch (IllegalAccessException e) {
      throw new IllegalStateException("cannot read " + field.name(), e);
    } catch (InvocationTargetException e) {
      throw new IllegalStateException("cannot read " + field.name(), e.getCause());
    }
  }
}
