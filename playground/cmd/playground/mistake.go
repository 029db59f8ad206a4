package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/k8s-lbc/lbc/playground/manifest"
)

// onlyCommands is an argument check for commands that take nothing but the name of a command: a misspelt one is an error, with
// what may have been meant.
func onlyCommands(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	text := fmt.Sprintf("unknown command %q for %q", args[0], c.CommandPath())
	c.SuggestionsMinimumDistance = 2
	if like := c.SuggestionsFor(args[0]); len(like) > 0 {
		text += ", did you mean " + strings.Join(like, " or ") + "?"
	}
	return fmt.Errorf("%s (%s --help lists them)", text, c.CommandPath())
}

// readable finds mistakes in files of manifests before anything is started for them.
func readable(files []string) error {
	for _, f := range files {
		content, err := os.ReadFile(f)
		if err != nil {
			return err
		}
		if _, err := manifest.Parse(f, content); err != nil {
			return err
		}
	}
	return nil
}
