// Animated images. The page holds a canvas and says how long each picture is shown: browsers round that.
{
  let pictures = null; // { decoder, ends, rounds }
  let shown = -1;
  let showing = null;
  const canvas = () => document.querySelector("canvas");
  const show = async (index) => {
    const { image } = await pictures.decoder.decode({ frameIndex: index });
    const context = canvas().getContext("2d");
    context.clearRect(0, 0, image.displayWidth, image.displayHeight);
    context.drawImage(image, 0, 0);
    image.close();
  };
  const indexAt = (time) => {
    const { ends, rounds } = pictures;
    const round = ends.at(-1);
    if (time >= round * rounds - 1e-9) return ends.length - 1;
    const since = time % round;
    return since > round - 1e-9 ? 0 : ends.findIndex((end) => since < end - 1e-9);
  };
  Object.assign(dialect, {
    drives: true,
    begin: async () => {
      const { address, type, ends } = JSON.parse(document.getElementById("image").textContent);
      const data = await (await nativeFetch(address)).arrayBuffer();
      const decoder = new ImageDecoder({ data, type });
      await decoder.tracks.ready;
      const { repetitionCount } = decoder.tracks.selectedTrack;
      pictures = { decoder, ends, rounds: repetitionCount + 1 };
    },
    drive: (time) => {
      const index = indexAt(time);
      if (index === shown) return;
      shown = index;
      showing = show(index);
    },
    waitUntilStable: () => showing,
  });
}
