package server

import (
	"github.com/go-logr/logr"
	"k8s.io/klog/v2/textlogger"

	"github.com/k8s-lbc/lbc/playground/process"
)

// componentLogger is a logger of its own for a component that takes one from its context.
func componentLogger(path string) (logr.Logger, error) {
	f, err := process.OpenLog(path)
	if err != nil {
		return logr.Logger{}, err
	}
	return textlogger.NewLogger(textlogger.NewConfig(textlogger.Output(f))), nil
}
