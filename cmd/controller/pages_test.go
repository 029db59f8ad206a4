package main

import (
	"os"
	"testing"

	"github.com/k8s-lbc/lbc/hack/pages"
	"github.com/k8s-lbc/lbc/internal/controller/config"
)

func TestCommandsOfThePagesHaveFlagsOfTheController(t *testing.T) {
	t.Parallel()
	commands, err := pages.Commands(os.DirFS("../.."), "controller")
	if err != nil || len(commands) == 0 {
		t.Fatalf("%v, %v", commands, err)
	}
	for _, c := range commands {
		flags := config.FlagSet(new(config.Config))
		flags.Usage = func() {}
		if err := flags.Parse(c.Arguments); err != nil {
			t.Errorf("%s: %v", c, err)
		}
	}
}
