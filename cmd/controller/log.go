package main

import (
	"bytes"
	"fmt"
	stdlog "log"
	"os"
	"runtime/debug"
	"time"

	"github.com/aws/smithy-go/logging"
	"github.com/go-logr/logr"
	"github.com/go-logr/zapr"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// newLog returns a log of JSON lines, as users of the existing controller parse them: the format of zap's production
// configuration, with times as texts. Of equal messages in a second, all after the first hundred are left out, except
// each hundredth.
func newLog(level zapcore.Level, to zapcore.WriteSyncer) logr.Logger {
	encoder := zap.NewProductionEncoderConfig()
	encoder.EncodeTime = zapcore.RFC3339TimeEncoder
	core := zapcore.NewCore(zapcore.NewJSONEncoder(encoder), zapcore.Lock(to), level)
	sampled := zapcore.NewSamplerWithOptions(core, time.Second, 100, 100)
	return zapr.NewLoggerWithOptions(zap.New(sampled), zapr.DPanicOnBugs(false))
}

// redirect has the standard library log through l: servers of net/http write there, a line for each TLS handshake that
// fails.
func redirect(l logr.Logger) {
	stdlog.SetFlags(0)
	stdlog.SetOutput(lines{l.WithName("std")})
}

// lines is a writer whose lines are those of a log.
type lines struct{ log logr.Logger }

// expected begin lines about clients, which say nothing about the controller: probes of load balancers end connections
// before their handshake.
var expected = [][]byte{[]byte("http: TLS handshake error"), []byte("http2: server: error reading preface")}

// Write implements io.Writer. The standard library writes whole lines.
func (w lines) Write(b []byte) (int, error) {
	log := w.log
	for _, begin := range expected {
		if bytes.HasPrefix(b, begin) {
			log = log.V(1)
		}
	}
	log.Info(string(bytes.TrimRight(b, "\n")))
	return len(b), nil
}

// sdkLog takes what the SDK of AWS logs.
type sdkLog struct{ log logr.Logger }

// Logf implements logging.Logger.
func (s sdkLog) Logf(c logging.Classification, format string, v ...any) {
	log := s.log
	if c == logging.Debug {
		log = log.V(1)
	}
	log.Info(fmt.Sprintf(format, v...))
}

// panicked logs a panic of the main goroutine and ends the process. It is deferred.
func panicked() {
	if r := recover(); r != nil {
		log(zapcore.InfoLevel).Error(fmt.Errorf("panic: %v", r), "the controller ends", "stacktrace", string(debug.Stack()))
		os.Exit(2)
	}
}
