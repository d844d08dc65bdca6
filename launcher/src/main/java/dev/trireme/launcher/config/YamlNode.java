package dev.trireme.launcher.config;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/** A piece of YAML that knows where it was written. Immutable. */
sealed interface YamlNode {
  /** Where it begins. */
  Place place();

  /** What was found, for an error: {@code 'two'}, {@code a list}, {@code keys (a, b)}. */
  String found();

  /** What a scalar means before anybody expects a type: YAML 1.2, core schema. */
  enum Meaning {
    TEXT,
    NUMBER,
    FLAG,
    /** The word {@code null} or {@code ~}. */
    NULL,
    /** Nothing at all behind a key. */
    EMPTY
  }

  /**
   * A single value.
   *
   * @param text without quotes
   * @param plain whether it was written without quotes
   */
  record Scalar(String text, boolean plain, Place place) implements YamlNode {
    private static final Pattern NUMBER =
        Pattern.compile("[-+]?(\\.[0-9]+|[0-9]+(\\.[0-9]*)?)([eE][-+]?[0-9]+)?");
    private static final Pattern SPECIAL_NUMBER =
        Pattern.compile("[-+]?\\.(inf|Inf|INF)|\\.(nan|NaN|NAN)|0o[0-7]+|0x[0-9a-fA-F]+");
    private static final Pattern FLAG = Pattern.compile("true|True|TRUE|false|False|FALSE");
    private static final Pattern NULL = Pattern.compile("null|Null|NULL|~");
    private static final int LONGEST_SHOWN = 60;

    Meaning meaning() {
      if (!plain) {
        return Meaning.TEXT;
      }
      if (text.isEmpty()) {
        return Meaning.EMPTY;
      }
      if (NULL.matcher(text).matches()) {
        return Meaning.NULL;
      }
      if (FLAG.matcher(text).matches()) {
        return Meaning.FLAG;
      }
      boolean number = NUMBER.matcher(text).matches() || SPECIAL_NUMBER.matcher(text).matches();
      return number ? Meaning.NUMBER : Meaning.TEXT;
    }

    @Override
    public String found() {
      String shown =
          text.length() <= LONGEST_SHOWN ? text : text.substring(0, LONGEST_SHOWN) + "...";
      return switch (meaning()) {
        case EMPTY -> "nothing";
        case NULL, NUMBER, FLAG -> shown;
        case TEXT -> "'" + shown.replace("\n", "\\n") + "'";
      };
    }
  }

  /** A list. */
  record Sequence(List<YamlNode> items, Place place) implements YamlNode {
    public Sequence {
      items = List.copyOf(items);
    }

    @Override
    public String found() {
      return items.size() == 1 ? "a list of 1" : "a list of " + items.size();
    }
  }

  /** Keys with values, in the order in which they were written. */
  record Mapping(Map<String, Entry> entries, Place place) implements YamlNode {
    private static final int MOST_SHOWN = 10;

    public Mapping {
      entries = Collections.unmodifiableMap(new LinkedHashMap<>(entries));
    }

    static Mapping empty(Place place) {
      return new Mapping(Map.of(), place);
    }

    /** The value of a key, where the key is there. */
    Optional<YamlNode> value(String key) {
      return Optional.ofNullable(entries.get(key)).map(Entry::value);
    }

    /** This mapping with one key more, or another value for one that is there. */
    Mapping with(String key, Entry entry) {
      Map<String, Entry> more = new LinkedHashMap<>(entries);
      more.put(key, entry);
      return new Mapping(more, place);
    }

    @Override
    public String found() {
      if (entries.isEmpty()) {
        return "{}";
      }
      String more = entries.size() > MOST_SHOWN ? ", ..." : "";
      return "keys ("
          + entries.keySet().stream().limit(MOST_SHOWN).collect(Collectors.joining(", "))
          + more
          + ")";
    }
  }

  /** A key's place and its value. */
  record Entry(Place keyPlace, YamlNode value) {}

  /** Whether nothing was written: an empty value, or the word null. */
  default boolean isAbsent() {
    return this instanceof Scalar s
        && (s.meaning() == Meaning.EMPTY || s.meaning() == Meaning.NULL);
  }
}
