package main

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-logr/logr"
	"github.com/go-logr/zapr"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/klog/v2"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// former is the log of zap's production configuration, as the existing controller writes it.
func former(t *testing.T, level zapcore.Level, to zapcore.WriteSyncer) logr.Logger {
	t.Helper()
	c := zap.NewProductionConfig()
	c.Level = zap.NewAtomicLevelAt(level)
	c.EncoderConfig.EncodeTime = zapcore.RFC3339TimeEncoder
	c.DisableCaller, c.DisableStacktrace = true, true
	z, err := c.Build(zap.WrapCore(func(zapcore.Core) zapcore.Core {
		core := zapcore.NewCore(zapcore.NewJSONEncoder(c.EncoderConfig), zapcore.Lock(to), c.Level)
		return zapcore.NewSamplerWithOptions(core, time.Second, c.Sampling.Initial, c.Sampling.Thereafter)
	}))
	if err != nil {
		t.Fatal(err)
	}
	return zapr.NewLogger(z)
}

// withoutTime is a line without its time, which follows the level.
func withoutTime(line string) string {
	level, rest, _ := strings.Cut(line, `"ts":"`)
	_, rest, _ = strings.Cut(rest, `"`)
	return level + rest
}

type named string

type panics struct{}

func (panics) MarshalLog() any { panic("no text") }

type valuer struct{}

func (valuer) LogValue() slog.Value { return slog.StringValue("of slog") }

func TestLinesAreThoseOfZap(t *testing.T) {
	t.Parallel()
	three, text := 3, "a"
	var nobody *types.NamespacedName
	for name, value := range map[string]any{
		"text": "a\"b<c>&\n\u2028\xff", "empty": "", "named": named("x"), "bool": true, "int": 3, "int32": int32(-4),
		"int64": int64(math.MinInt64), "uint8": uint8(200), "uint64": uint64(math.MaxUint64), "float": 1.5, "large": 1e30,
		"not a number": math.NaN(), "duration": 1500 * time.Millisecond, "time": time.Unix(1e9, 5).UTC(),
		"texts": []string{"a", "b"}, "no texts": []string(nil), "empty texts": []string{}, "ints": []int{1, 2},
		"bytes": []byte("abc"), "error": errors.New("wrong"), "wrapped": fmt.Errorf("at %w", errors.New("wrong")),
		"joined": errors.Join(errors.New("a"), errors.New("b")), "errors": []error{errors.New("a"), nil, errors.New("b")},
		"nothing": nil, "int by pointer": &three, "text by pointer": &text, "stringer": netip.MustParseAddr("10.0.0.1"),
		"no stringer": nobody, "key": types.NamespacedName{Namespace: "shop", Name: "web"},
		"request": reconcile.Request{NamespacedName: types.NamespacedName{Namespace: "shop", Name: "web"}},
		"map":     map[string]string{"b": "<1>", "a": "2"}, "struct": struct{ A, b int }{1, 2},
		"metadata":        metav1.ObjectMeta{Name: "web", CreationTimestamp: metav1.Unix(1e9, 0)},
		"time of the API": metav1.Unix(1e9, 0),
		"reference":       klog.KRef("shop", "web"), "panics": panics{}, "valuer": valuer{}, "list": []any{1, "a", nil},
		"function": func() {},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var lines [2]string
			for i, begin := range []func(zapcore.WriteSyncer) logr.Logger{
				func(w zapcore.WriteSyncer) logr.Logger { return former(t, zapcore.InfoLevel, w) },
				func(w zapcore.WriteSyncer) logr.Logger { return newLog(zapcore.InfoLevel, w) },
			} {
				var b bytes.Buffer
				l := begin(zapcore.AddSync(&b))
				l.Info("message", "key", value, "last", 1)
				l.Error(errors.New("failed"), "message", "key", value)
				l.WithName("a").WithValues("with", value).WithName("b").Error(nil, "message")
				l.V(1).Info("not enabled", "key", value)
				for line := range strings.Lines(b.String()) {
					lines[i] += withoutTime(line)
				}
			}
			if lines[0] != lines[1] {
				t.Errorf("got\n%s\nwant\n%s", lines[1], lines[0])
			}
			if strings.Count(lines[1], "\n") != 3 {
				t.Errorf("not three lines: %s", lines[1])
			}
		})
	}
}

func TestLogHasItsLevelsAndLeavesRepetitionsOut(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) { // all in one second
		for name, newLog := range map[string]func(zapcore.WriteSyncer) logr.Logger{
			"zap":  func(w zapcore.WriteSyncer) logr.Logger { return former(t, zapcore.DebugLevel, w) },
			"ours": func(w zapcore.WriteSyncer) logr.Logger { return newLog(zapcore.DebugLevel, w) },
		} {
			var b bytes.Buffer
			l := newLog(zapcore.AddSync(&b))
			l.V(1).Info("debug")
			l.V(2).Info("trace")
			l.V(1000).Info("far below")
			for range 150 {
				l.Info("again")
			}
			if s := b.String(); strings.Count(s, "debug") != 2 || strings.Count(s, "\n") != 101 {
				t.Errorf("%s: %d lines: %s", name, strings.Count(s, "\n"), s[:200])
			}
		}
	})
}

func TestWhatHasNoValueOrNoNameIsLeftOut(t *testing.T) {
	t.Parallel()
	for name, pairs := range map[string][]any{"no value": {"a", 1, "b"}, "no name": {"a", 1, 2, 3, "c", 4}} {
		var b bytes.Buffer
		newLog(zapcore.InfoLevel, zapcore.AddSync(&b)).Info("odd", pairs...)
		if s := b.String(); !strings.HasSuffix(s, `"msg":"odd","a":1}`+"\n") {
			t.Errorf("%s: %s", name, s)
		}
	}
}
