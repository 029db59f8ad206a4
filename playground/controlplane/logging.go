package controlplane

import (
	"flag"
	"fmt"
	"os"

	"github.com/go-logr/logr"
	"k8s.io/klog/v2"
	"k8s.io/klog/v2/textlogger"
)

// takeLogs sends what goes through klog's process-wide logger (the API server and client libraries) to a file: a user's
// terminal is for progress.
func takeLogs(path string) error {
	f, err := openLog(path)
	if err != nil {
		return err
	}
	flags := flag.NewFlagSet("klog", flag.ContinueOnError)
	klog.InitFlags(flags)
	for name, value := range map[string]string{
		"logtostderr": "false", "stderrthreshold": "FATAL",
		"one_output": "true", // else an error is written once for each lower severity
	} {
		if err := flags.Set(name, value); err != nil {
			return fmt.Errorf("configure klog: %w", err)
		}
	}
	klog.SetOutput(f)
	return nil
}

func flushLogs() { klog.Flush() }

// componentLogger is a logger of its own for a component that takes one from its context.
func componentLogger(path string) (logr.Logger, error) {
	f, err := openLog(path)
	if err != nil {
		return logr.Logger{}, err
	}
	return textlogger.NewLogger(textlogger.NewConfig(textlogger.Output(f))), nil
}

func openLog(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open log file: %w", err)
	}
	return f, nil
}
