// Compositions for the tests of Remotion bundles, without JSX. They are 160 x 90 pixels at 30 frames a second.
import { createElement as e, useEffect, useState } from "react";
import { Audio as DecodedAudio, Video as DecodedVideo } from "@remotion/media";
import {
  AbsoluteFill,
  Composition,
  Html5Audio,
  Html5Video,
  OffthreadVideo,
  Sequence,
  cancelRender,
  continueRender,
  delayRender,
  interpolate,
  registerRoot,
  spring,
  staticFile,
  useCurrentFrame,
  useVideoConfig,
} from "remotion";

const box = (style, ...children) => e("div", { style: { position: "absolute", ...style } }, ...children);
// Eight bars for a number: its bits from the lowest, at the left, as white and black.
const bars = (number) =>
  [...Array(8).keys()].map((bit) =>
    box({ key: bit, left: bit * 20, width: 20, top: 0, height: 45, background: number & (1 << bit) ? "white" : "black" }),
  );

const Numbers = () => e(AbsoluteFill, { style: { background: "gray" } }, ...bars(useCurrentFrame()));

const Motion = () => {
  const frame = useCurrentFrame();
  const { fps } = useVideoConfig();
  const left = interpolate(frame, [0, 20, 40], [0, 100, 50]);
  const size = 20 * spring({ frame, fps, config: { damping: 8 } });
  return e(
    AbsoluteFill,
    { style: { background: "#204060", color: "white", font: "12px sans-serif" } },
    box({ left, top: 10 }, `Frame ${frame}`),
    box({ left: 10, top: 40, width: size, height: size, background: "orange" }),
    e(Sequence, { from: 10, durationInFrames: 10 }, box({ right: 0, bottom: 0, width: 40, height: 40, background: "lime" })),
  );
};

const Titled = ({ title, at }) =>
  e(AbsoluteFill, { style: { background: "navy", color: "white", font: "12px sans-serif" } }, `${title} ${at.getUTCFullYear()}`);
const titled = async ({ props }) => {
  await new Promise((resolve) => setTimeout(resolve, 200));
  return { durationInFrames: props.title.length, width: 160, height: 50, fps: 25, props: { ...props, at: new Date(Date.UTC(1999, 5)) } };
};

const Delayed = () => {
  const [colour, setColour] = useState("red");
  const [handle] = useState(() => delayRender("the colour"));
  useEffect(() => {
    const timer = setTimeout(() => {
      setColour("lime");
      continueRender(handle);
    }, 1500);
    return () => clearTimeout(timer);
  }, [handle]);
  return e(AbsoluteFill, { style: { background: colour } });
};
const Stuck = () => {
  useState(() => delayRender("the answer of nobody"));
  return null;
};
const Cancelled = () => {
  const frame = useCurrentFrame();
  useEffect(() => {
    if (frame === 3) cancelRender(new Error("the third frame is missing"));
  }, [frame]);
  return null;
};

const Film = ({ transparent = false }) =>
  e(
    AbsoluteFill,
    { style: { background: transparent ? "white" : "black" } },
    e(Sequence, { from: 5 }, e(OffthreadVideo, { src: staticFile(transparent ? "half-clear.webm" : "film.mp4"), transparent, trimBefore: 10, muted: true })),
  );
const Players = () =>
  e(
    AbsoluteFill,
    {},
    e(Html5Video, { src: staticFile("film.mp4"), muted: true, style: { position: "absolute", width: 80, height: 90, objectFit: "fill" } }),
    e(DecodedVideo, { src: staticFile("film.mp4"), muted: true, objectFit: "fill", style: { position: "absolute", left: 80, width: 80, height: 90 } }),
  );

// 440 Hz that fades in over a second; 1000 Hz from a second on, at twice its speed; silence that is muted.
const Sounds = () => [
  e(Html5Audio, { key: 1, src: staticFile("440.wav"), volume: (frame) => interpolate(frame, [0, 30], [0, 1], { extrapolateRight: "clamp" }) }),
  e(Sequence, { key: 2, from: 30, durationInFrames: 15 }, e(Html5Audio, { src: staticFile("steps.wav"), trimBefore: 30, playbackRate: 2 })),
  e(Html5Audio, { key: 3, src: staticFile("1000.wav"), muted: true }),
];
const Pitched = () => e(Html5Audio, { src: staticFile("440.wav"), toneFrequency: 1.5 });
const Inline = () => e(Sequence, { from: 15, durationInFrames: 30 }, e(DecodedAudio, { src: staticFile("440.wav"), volume: 0.5 }));

const size = { width: 160, height: 90, fps: 30 };
const compositions = [
  { id: "numbers", component: Numbers, durationInFrames: 40 },
  { id: "motion", component: Motion, durationInFrames: 40 },
  { id: "titled", component: Titled, durationInFrames: 1, calculateMetadata: titled, defaultProps: { title: "Title" } },
  { id: "delayed", component: Delayed, durationInFrames: 5 },
  { id: "stuck", component: Stuck, durationInFrames: 5 },
  { id: "cancelled", component: Cancelled, durationInFrames: 5 },
  { id: "film", component: Film, durationInFrames: 40 },
  { id: "clear-film", component: Film, durationInFrames: 20, defaultProps: { transparent: true } },
  { id: "players", component: Players, durationInFrames: 20 },
  { id: "sounds", component: Sounds, durationInFrames: 60 },
  { id: "pitched", component: Pitched, durationInFrames: 30 },
  { id: "inline", component: Inline, durationInFrames: 60 },
];
registerRoot(() => compositions.map((one) => e(Composition, { key: one.id, ...size, ...one })));
