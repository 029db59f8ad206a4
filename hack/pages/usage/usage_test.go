package usage

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/spf13/cobra"
)

func program() *cobra.Command {
	root := &cobra.Command{Use: "tool"}
	get := &cobra.Command{Use: "get", Args: cobra.ExactArgs(1), Run: func(*cobra.Command, []string) {}}
	get.Flags().StringP("output", "o", "", "")
	roll := &cobra.Command{Use: "roll"}
	roll.AddCommand(&cobra.Command{Use: "out", Run: func(*cobra.Command, []string) {}})
	root.AddCommand(get, roll)
	return root
}

func TestACommandThatTheProgramRefusesIsNamed(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"    tool get x -o wide\n":          "",
		"    tool get x --output=y\n":       "",
		"    tool get --help\n":             "",
		"    tool roll out\n":               "",
		"Type `tool get …`.\n":              "",
		"    tool() { bin/tool \"$@\"; }\n": "",
		"    tool got x\n":                  `README.md:1: tool got x: unknown command "got"`,
		"    tool get x --outptu y\n":       "unknown flag: --outptu",
		"    tool get\n":                    "accepts 1 arg(s), received 0",
		"    tool roll in\n":                "tool roll has no command in",
		"Type `tool get -o`.\n":             "",
		"    tool COMMAND --help\n":         "",
		"    tool get x -o\n":               "flag needs an argument",
		"Type `tool get -x`.\n":             "unknown shorthand flag",
		"Nothing.\n":                        "no page has a command of tool",
	} {
		wrong := Wrong(fstest.MapFS{"README.md": {Data: []byte(text)}}, program)
		if want == "" && len(wrong) > 0 || want != "" && (len(wrong) != 1 || !strings.Contains(wrong[0].Error(), want)) {
			t.Errorf("%q: %v, want %q", text, wrong, want)
		}
	}
}
