package server

import (
	"fmt"
	"os"

	"github.com/go-logr/logr"
	"k8s.io/klog/v2/textlogger"
)

// componentLogger is a logger of its own for a component that takes one from its context.
func componentLogger(path string) (logr.Logger, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return logr.Logger{}, fmt.Errorf("open log file: %w", err)
	}
	return textlogger.NewLogger(textlogger.NewConfig(textlogger.Output(f))), nil
}
