package dev.trireme.launcher.launch;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalInt;

/**
 * What is run on a host: a shell script that takes the cluster's credentials from standard input,
 * runs an agent with them, and ends it as soon as standard input ends, which it does with the
 * connection, however that ends. Credentials never stand in an argument, and lie in a directory
 * that only the user can enter, which goes with the agent.
 */
final class RemoteScript {
  /** Exit code: there is no Trireme where one was expected. */
  static final int NOT_INSTALLED = 66;

  private static final List<String> FILES =
      List.of("ca.pem", "node.pem", "node-key.pem", "api-token");
  private static final String FILE = "#file ";
  private static final String END = "#end";

  private static final String TEXT =
      """
      set -u
      umask 077
      home=$1 join=$2 name=$3 slots=$4
      if [ ! -x "$home/trireme" ]; then
        echo "expected Trireme in $home, found none; copy it there, or name its place with --home" >&2
        exit 66
      fi
      dir=$(mktemp -d) || exit 1
      trap 'rm -rf "$dir"' EXIT
      trap 'exit 143' HUP INT TERM
      file=/dev/null
      while IFS= read -r line; do
        case $line in
          '#end') break ;;
          '#file '*) file=$dir/${line#'#file '} ;;
          *) printf '%s\\n' "$line" >>"$file" ;;
        esac
      done
      exec 3<&0
      "$home/trireme" agent --join "$join" --credentials "$dir" --name "$name" \\
        ${slots:+--slots "$slots"} </dev/null 3<&- &
      agent=$!
      cat <&3 >/dev/null &
      line=$!
      exec 3<&-
      while kill -0 "$agent" 2>/dev/null && kill -0 "$line" 2>/dev/null; do sleep 0.2; done
      kill "$line" 2>/dev/null
      kill "$agent" 2>/dev/null
      wait "$agent"
      """;

  private RemoteScript() {}

  /** The command for ssh to run, one string for the remote user's shell. */
  static String command(String home, String join, String name, OptionalInt slots) {
    List<String> words = new ArrayList<>(List.of("exec", "sh", "-c", quoted(TEXT), "trireme"));
    words.add(quoted(home));
    words.add(quoted(join));
    words.add(quoted(name));
    words.add(quoted(slots.isPresent() ? String.valueOf(slots.getAsInt()) : ""));
    return String.join(" ", words);
  }

  /** What the script reads: the files of a directory of credentials, which are lines of text. */
  static String credentials(Path directory) throws IOException {
    StringBuilder text = new StringBuilder();
    for (String name : FILES) {
      text.append(FILE).append(name).append('\n');
      text.append(Files.readString(directory.resolve(name)));
    }
    return text.append(END).append('\n').toString();
  }

  private static String quoted(String text) {
    return "'" + text.replace("'", "'\\''") + "'";
  }
}
