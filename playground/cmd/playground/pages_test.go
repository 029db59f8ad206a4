package main

import (
	"os"
	"testing"

	"github.com/k8s-lbc/lbc/hack/pages/usage"
)

func TestCommandsOfThePagesAreThoseOfThePlayground(t *testing.T) {
	t.Parallel()
	for _, err := range usage.Wrong(os.DirFS("../../.."), newRoot) {
		t.Error(err)
	}
}
