// A box that follows the animation clock, and another that appears at 0.5 s.
import { createElement, useEffect, useState } from "react";
import { createRoot } from "react-dom/client";

function App() {
  const [time, setTime] = useState(0);
  const [late, setLate] = useState(false);
  useEffect(() => {
    let asked;
    const follow = (t) => {
      setTime(t);
      asked = requestAnimationFrame(follow);
    };
    asked = requestAnimationFrame(follow);
    const timer = setTimeout(() => setLate(true), 500);
    return () => {
      cancelAnimationFrame(asked);
      clearTimeout(timer);
    };
  }, []);
  return [
    createElement("b", { key: "box", style: { transform: `translateX(${time * 0.12}px)` } }),
    late && createElement("i", { key: "late" }),
  ];
}

createRoot(document.getElementById("root")).render(createElement(App));
