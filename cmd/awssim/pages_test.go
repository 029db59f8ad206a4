package main

import (
	"os"
	"testing"

	"github.com/k8s-lbc/lbc/hack/pages/usage"
)

func TestCommandsOfThePagesAreThoseOfTheProgram(t *testing.T) {
	t.Parallel()
	for _, err := range usage.Wrong(os.DirFS("../.."), newCommand) {
		t.Error(err)
	}
}
