import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.List;

/** Reads commands, one line of words each, from stdin and answers "ok ..." or "error ...". */
final class Words {
    interface Verbs {
        String run(String verb, List<String> arguments) throws Exception;
    }

    private Words() {}

    static void serve(Verbs verbs) throws IOException {
        var in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            List<String> words = List.of(line.split(" "));
            String answer;
            try {
                answer = "ok " + verbs.run(words.get(0), words.subList(1, words.size()));
            } catch (Exception e) {
                e.printStackTrace();
                answer = "error " + e.toString().replace('\n', ' ');
            }
            System.out.println(answer);
            System.out.flush();
        }
    }
}
