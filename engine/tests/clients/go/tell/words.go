// Package tell is how a client program talks with the tests: words in, one answer a line out,
// and the record files of harness/records.py.
package tell

import (
	"bufio"
	"fmt"
	"os"
	"strings"
)

// Serve reads commands from stdin, one line of words each, and answers "ok ..." or "error ...".
func Serve(run func(verb string, words []string) (string, error)) {
	in := bufio.NewScanner(os.Stdin)
	for in.Scan() {
		words := strings.Split(in.Text(), " ")
		answer, err := run(words[0], words[1:])
		if err != nil {
			fmt.Println("error", strings.ReplaceAll(err.Error(), "\n", " "))
		} else {
			fmt.Println("ok", answer)
		}
	}
}
