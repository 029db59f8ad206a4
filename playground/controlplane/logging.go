package controlplane

import (
	"flag"
	"fmt"
	"os"

	"k8s.io/klog/v2"
)

// takeLogs sends what goes through this process' klog (client libraries) to the end of a file: a user's terminal is for
// progress.
func takeLogs(path string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("open log file: %w", err)
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
