// Package usage checks commands of the pages against a program's own commands and flags. The tests of each program call
// it. It imports cobra and package pages.
package usage

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/k8s-lbc/lbc/hack/pages"
)

// Wrong returns an error for each command of the pages that the program would refuse. root makes the program's command
// anew, as flags keep their values. There is an error, too, if the pages have no command of the program.
func Wrong(repository fs.FS, root func() *cobra.Command) []error {
	commands, err := pages.Commands(repository, root().Name())
	if err != nil {
		return []error{err}
	}
	if len(commands) == 0 {
		return []error{fmt.Errorf("no page has a command of %s", root().Name())}
	}
	var wrong []error
	for _, c := range commands {
		if err := check(root(), c); err != nil {
			wrong = append(wrong, fmt.Errorf("%s: %w", c, err))
		}
	}
	return wrong
}

func check(root *cobra.Command, c pages.Command) error {
	if slices.Contains(c.Arguments, "$@") {
		return nil // a function of the shell, which passes its arguments on
	}
	root.InitDefaultCompletionCmd(c.Arguments...)
	command, rest, err := root.Find(slices.DeleteFunc(slices.Clone(c.Arguments), leftOpen))
	if err != nil || command.DisableFlagParsing {
		return err
	}
	command.InitDefaultHelpFlag()
	command.InitDefaultVersionFlag()
	err = command.ParseFlags(rest)
	if short := new(pflag.ValueRequiredError); err != nil && (c.Whole || !errors.As(err, &short)) {
		return err
	}
	positional := command.Flags().Args()
	if len(positional) > 0 && command.HasSubCommands() && command.Args == nil &&
		!strings.HasPrefix(positional[0], "help") {
		return fmt.Errorf("%s has no command %s", command.CommandPath(), positional[0])
	}
	if !c.Whole || command.Flags().Changed("help") {
		return nil
	}
	return command.ValidateArgs(positional)
}

// leftOpen reports whether an argument stands for what a reader fills in.
func leftOpen(argument string) bool {
	return argument == "…" || argument == "COMMAND" || argument == "$@"
}
