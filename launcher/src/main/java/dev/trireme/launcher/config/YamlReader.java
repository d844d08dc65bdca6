package dev.trireme.launcher.config;

import dev.trireme.launcher.config.YamlNode.Entry;
import dev.trireme.launcher.config.YamlNode.Mapping;
import dev.trireme.launcher.config.YamlNode.Scalar;
import dev.trireme.launcher.config.YamlNode.Sequence;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;
import org.snakeyaml.engine.v2.api.LoadSettings;
import org.snakeyaml.engine.v2.api.lowlevel.Parse;
import org.snakeyaml.engine.v2.events.AliasEvent;
import org.snakeyaml.engine.v2.events.CollectionStartEvent;
import org.snakeyaml.engine.v2.events.DocumentStartEvent;
import org.snakeyaml.engine.v2.events.Event;
import org.snakeyaml.engine.v2.events.MappingStartEvent;
import org.snakeyaml.engine.v2.events.NodeEvent;
import org.snakeyaml.engine.v2.events.ScalarEvent;
import org.snakeyaml.engine.v2.exceptions.Mark;
import org.snakeyaml.engine.v2.exceptions.MarkedYamlEngineException;
import org.snakeyaml.engine.v2.exceptions.ReaderException;
import org.snakeyaml.engine.v2.exceptions.YamlEngineException;

/**
 * Reads YAML text into {@link YamlNode}s, strictly: one document, no tags, no key twice.
 *
 * <p>It builds on the parser's events rather than on a finished tree, so that a hostile file meets
 * a bound before it costs anything: nesting ends at {@value #MAX_DEPTH}, and aliases count with the
 * size of what they repeat, up to {@value #MAX_NODES} nodes in all. An alias shares the node that
 * it repeats, so no memory is spent on it either. For one reading; not safe for threads.
 */
final class YamlReader {
  static final int MAX_DEPTH = 64;
  static final int MAX_NODES = 100_000;

  private final Function<Mark, Place> places;
  private final Place whole;
  private final List<ConfigProblem> problems;
  private final Map<String, Anchored> anchors = new HashMap<>();
  private int nodes;
  private Iterator<Event> events;

  private record Anchored(YamlNode node, int size) {}

  /** Ends a reading that makes no sense to go on with. */
  private static final class Unreadable extends RuntimeException {
    private static final long serialVersionUID = 1L;

    Unreadable() {
      super(null, null, false, false);
    }
  }

  private YamlReader(Function<Mark, Place> places, Place whole, List<ConfigProblem> problems) {
    this.places = places;
    this.whole = whole;
    this.problems = problems;
  }

  /**
   * The document of a file's text; nothing when it cannot be read at all, with the reason among the
   * problems.
   */
  static Optional<YamlNode> readFile(String file, String text, List<ConfigProblem> problems) {
    Function<Mark, Place> places =
        mark -> new Place.InFile(file, mark.getLine() + 1, mark.getColumn() + 1);
    return new YamlReader(places, Place.InFile.whole(file), problems).read(text);
  }

  /** The value of an override or of a default; every part of it has the one place. */
  static Optional<YamlNode> readValue(String text, Place place, List<ConfigProblem> problems) {
    return new YamlReader(mark -> place, place, problems).read(text);
  }

  private Optional<YamlNode> read(String text) {
    try {
      events = new Parse(LoadSettings.builder().build()).parseString(text).iterator();
      events.next();
      if (!(events.next() instanceof DocumentStartEvent)) {
        return Optional.of(new Scalar("", true, whole));
      }
      YamlNode root = node(events.next(), 0);
      events.next();
      Event after = events.next();
      if (after instanceof DocumentStartEvent) {
        problem(after, "a second document begins here; a job is one document, remove the '---'");
      }
      return Optional.of(root);
    } catch (Unreadable e) {
      return Optional.empty();
    } catch (YamlEngineException e) {
      problems.add(notYaml(e, text));
      return Optional.empty();
    }
  }

  private YamlNode node(Event event, int depth) {
    count(event, 1);
    if (depth > MAX_DEPTH) {
      throw fatal(event, "nested deeper than " + MAX_DEPTH + " levels; no job needs that");
    }
    if (event instanceof AliasEvent alias) {
      return repeat(alias);
    }
    int before = nodes;
    refuseTag(event);
    YamlNode node =
        event instanceof ScalarEvent scalar
            ? new Scalar(scalar.getValue(), scalar.isPlain(), place(event))
            : event instanceof MappingStartEvent ? mapping(event, depth) : sequence(event, depth);
    ((NodeEvent) event)
        .getAnchor()
        .ifPresent(a -> anchors.put(a.getValue(), new Anchored(node, nodes - before + 1)));
    return node;
  }

  private YamlNode repeat(AliasEvent alias) {
    String name = alias.getAlias().getValue();
    Anchored anchored = anchors.get(name);
    if (anchored == null) {
      throw fatal(
          alias, "*" + name + " repeats nothing: no '&" + name + "' has ended before this place");
    }
    count(alias, anchored.size());
    return anchored.node();
  }

  private Sequence sequence(Event start, int depth) {
    List<YamlNode> items = new ArrayList<>();
    Event event = events.next();
    while (event.getEventId() != Event.ID.SequenceEnd) {
      items.add(node(event, depth + 1));
      event = events.next();
    }
    return new Sequence(items, place(start));
  }

  private Mapping mapping(Event start, int depth) {
    Map<String, Entry> entries = new LinkedHashMap<>();
    Event event = events.next();
    while (event.getEventId() != Event.ID.MappingEnd) {
      YamlNode key = node(event, depth + 1);
      Place keyPlace = place(event);
      YamlNode value = node(events.next(), depth + 1);
      if (key instanceof Scalar name) {
        put(entries, name.text(), new Entry(keyPlace, value));
      } else {
        problem(event, "expected a key, found " + key.found());
      }
      event = events.next();
    }
    return new Mapping(entries, place(start));
  }

  private void put(Map<String, Entry> entries, String key, Entry entry) {
    Entry first = entries.putIfAbsent(key, entry);
    if (first != null) {
      problems.add(
          ConfigProblem.of(
              entry.keyPlace(),
              "",
              "key '" + key + "' is there twice, first at " + first.keyPlace() + "; remove one"));
    }
  }

  private void refuseTag(Event event) {
    Optional<String> tag =
        event instanceof ScalarEvent scalar
            ? scalar.getTag()
            : ((CollectionStartEvent) event).getTag();
    if (tag.isPresent() && !"!".equals(tag.get())) {
      problem(event, "a job has no use for YAML tags; remove the '!' and the word behind it");
    }
  }

  private void count(Event event, int more) {
    nodes += more;
    if (nodes > MAX_NODES) {
      throw fatal(
          event, "more than " + MAX_NODES + " values, repeated ones (*alias) counted in full");
    }
  }

  private Place place(Event event) {
    return event.getStartMark().map(places).orElse(whole);
  }

  private void problem(Event event, String message) {
    problems.add(ConfigProblem.of(place(event), "", message));
  }

  private Unreadable fatal(Event event, String message) {
    problem(event, message);
    return new Unreadable();
  }

  private ConfigProblem notYaml(YamlEngineException e, String text) {
    if (e instanceof MarkedYamlEngineException marked) {
      Place place = marked.getProblemMark().map(places).orElse(whole);
      String context = marked.getContext() == null ? "" : " (" + marked.getContext() + ")";
      return ConfigProblem.of(place, "", "not YAML: " + marked.getProblem() + context);
    }
    if (e instanceof ReaderException unreadable) {
      String before = text.substring(0, Math.min(unreadable.getPosition(), text.length()));
      int line = (int) before.chars().filter(c -> c == '\n').count();
      int column = before.length() - before.lastIndexOf('\n') - 1;
      String character = String.format("U+%04X", unreadable.getCodePoint());
      return ConfigProblem.of(
          places.apply(new Mark("", 0, line, column, new int[0], 0)),
          "",
          "the character " + character + " is not allowed in YAML; is this a text file?");
    }
    return ConfigProblem.of(whole, "", "not YAML: " + e.getMessage());
  }
}
